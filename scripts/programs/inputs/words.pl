# SPDX-License-Identifier: MIT
# A perl program over text: tables of words, patterns, sorting, nested data.
# usage: words.pl FILE ROUNDS     prints results; the same for every allocator
use strict;
use warnings;

my ($path, $rounds) = @ARGV;
open(my $file, '<', $path) or die "$path: $!";
my @lines = <$file>;
close($file);

for my $round (1 .. $rounds) {
    my (%count, %next, %by_length);
    my $last = '';
    for my $line (@lines) {
        for my $word (split /[^a-z0-9]+/, lc $line) {
            next if $word eq '';
            $count{$word}++;
            $next{$last}{$word}++ if $last ne '';
            $last = $word;
        }
    }
    push @{$by_length{length $_}}, $_ for keys %count;
    my @top = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
    my $text = join ' ', map { "$_=$count{$_}" } @top[0 .. 99];
    (my $changed = join '', @lines) =~ s/([a-z]+)(\d+)/$2$1/g;
    my $pairs = 0;
    $pairs += scalar keys %{$next{$_}} for keys %next;
    printf "%d words=%d pairs=%d changed=%d top=%s\n", $round, scalar @top, $pairs,
        unpack('%32C*', $changed), $text;
    printf "  length %d: %d, first %s\n", $_, scalar @{$by_length{$_}},
        (sort @{$by_length{$_}})[0] for sort { $a <=> $b } keys %by_length;
}

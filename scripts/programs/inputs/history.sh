# SPDX-License-Identifier: MIT
# What a person and a server do to a repository: commits, packing, history, blame.
# usage: history.sh REPOSITORY     everything that git prints goes to stdout
set -eu
cd "$1"
for i in 1 2 3 4 5 6 7 8 9 10; do
  seq "$i" 7 "$((2000 + i))" >"numbers$i.txt"
  printf 'round %s\n' "$i" >>file0.txt
  git add -A
  git commit -q -m "commit $i of the measured run"
done
git rev-parse HEAD
git -c pack.threads=1 repack -q -a -d -f --depth=30 --window=20
git -c pack.threads=1 gc -q
git verify-pack -s .git/objects/pack/*.idx
git log -p --stat -n 150
git log --format='%h %an %s' --name-status
git blame file0.txt
git blame -C file3.txt
git diff --stat HEAD~60 HEAD
git grep -c 'line 1[0-9]* of' HEAD
git shortlog -s HEAD
git archive HEAD | git hash-object --stdin
git fsck --full --strict

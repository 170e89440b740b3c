# Groups, joins and rewrites a large array; the program of the jq row.
(map({key: .customer, value: .total}) | group_by(.key)
  | map({customer: .[0].key, orders: length, sum: (map(.value) | add)})
  | sort_by(-.sum, .customer) | .[0:50]),
(map(.lines[]) | group_by(.item) | map({item: .[0].item, count: (map(.count) | add)})),
(map(select(.total % 7 == 0) | .note |= ascii_upcase | del(.lines)) | length),
([.[] | tostring | length] | add)

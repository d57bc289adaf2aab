#!/usr/bin/env bash
# Makes spine.tar.gz: the directory of a small city as the release at commit 3e4a2ee left it. See README.md.
# usage: make.sh PATH-TO-A-CHECKOUT-OF-THAT-COMMIT   (it is changed and built in)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
# The law's dates, not the program: what the test asks for must be permitted in many years, too.
sed -i 's/AddDate(1, 0, 0)/AddDate(60, 0, 0)/' law/law.go
sed -i 's/keep = "30d"/keep = "20000d"/' law/classes.toml
sed -i 's/windowDays <= 31/windowDays <= 20002/' law/policies/*.cedar
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -trimpath -o "$work/tribune" ./cmd/tribune
city=$work/city
"$work/tribune" demo --dir "$city" --http 127.0.0.1:0 --people 5 >"$work/log" 2>&1 &
demo=$!
for _ in $(seq 300); do grep -q 'ctrl-C stops' "$work/log" && break; sleep 0.2; done
hub=$(cat "$city/address")
token=$(sed -n 's/.*"token": "\(.*\)".*/\1/p' "$city/people/integrator-1.json")
post() { curl -fsS -o /dev/null -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -X "$1" "$hub$2" -d "$3"; }
for n in 1 2 3; do
  post POST /ngsi-ld/v1/entities "{\"id\":\"urn:ngsi-ld:ParkingSession:upgrade:$n\",\"type\":\"ParkingSession\",\"synthetic\":true,\"licensePlate\":\"UP26 GRD\",\"driver\":\"Una Upgrade $n\"}"
done
park=urn:ngsi-ld:OffStreetParking:upgrade:1
post POST /ngsi-ld/v1/entities "{\"id\":\"$park\",\"type\":\"OffStreetParking\",\"name\":\"Upgrade\",\"category\":{\"type\":\"Property\",\"value\":[\"public\",\"underground\"]},\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[-1.5,52.1]}},\"availableSpotNumber\":{\"type\":\"Property\",\"value\":40,\"observedAt\":\"2026-11-22T08:00:00Z\"}}"
for n in 41 42 43; do
  post PATCH "/ngsi-ld/v1/entities/$park/attrs" "{\"availableSpotNumber\":{\"type\":\"Property\",\"value\":$n,\"observedAt\":\"2026-11-22T09:$n:00Z\"}}"
done
for _ in $(seq 50); do "$work/tribune" ask --dir "$city" --as inspector-ward --plate 'UP26 GRD' --receipt "$city/receipt.tlog" >"$work/answer" 2>&1 && break; sleep 0.3; done
grep -q 'Una Upgrade 3' "$work/answer"
kill -INT $demo
wait $demo
rm -rf "$city"/address "$city"/guardians/*/pid "$city"/guardians/*/guardian.log
tar -C "$city" --owner=0 --group=0 --sort=name -cf - . | gzip -9 > "$here/spine.tar.gz"
ls -l "$here/spine.tar.gz"

#!/bin/sh
# Explores the model of uploads in full. Then plants each defect of `model/defects` in a copy of
# the sources and expects that the model finds that it breaks the invariant of its second line.
# With the argument `defects`, does only the latter.
set -eu
CARGO=${CARGO:-cargo}
cd "$(dirname "$0")/.."
model=crates/cas-core/src/upload/model

explore() {
    "$CARGO" test --package cas-core --lib --locked --quiet "$@" -- --nocapture \
        upload::model::tests::every_invariant_holds
}

if [ "${1:-}" != defects ]; then
    CAS_MODEL=full explore --profile prove
fi

# With a target directory of its own: to cargo, the packages of a copy are those of the original.
copy=$PWD/target/defects
export CARGO_TARGET_DIR="$copy/target"
mkdir -p "$copy"
(cd "$copy" && rm -rf benches crates docs include tests vectors)
cp -R Cargo.toml Cargo.lock benches crates docs include tests vectors "$copy"
missed=0
for defect in "$model"/defects/*.diff; do
    cp crates/cas-core/src/upload/machine.rs "$copy/crates/cas-core/src/upload/machine.rs"
    patch --quiet --strip 1 --directory "$copy" < "$defect" || {
        echo "DOES NOT APPLY: $defect"
        missed=1
        continue
    }
    invariant=$(sed -n 's/^Breaks: //p' "$defect")
    if log=$(cd "$copy" && CAS_MODEL_EXPECT=$invariant explore 2>&1); then
        echo "found: $(head -n 1 "$defect")"
    else
        echo "NOT FOUND: $(head -n 1 "$defect") ($defect)"
        printf '%s\n' "$log" | tail -n 20
        missed=1
    fi
done
exit "$missed"

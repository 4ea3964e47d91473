#!/bin/bash
# Makes a working apptainer in DIR out of Debian sid's package, beside the machine's own packages and files.
# usage: install.sh DIR      prints the path of the program; may be repeated, also at once
# Debian 12 has no such package. Needs patchelf, mksquashfs and squashfuse on the machine; what apt fetches is signed.
set -euo pipefail
dir=$(mkdir -p "$1" && cd "$1" && pwd)
prefix=$dir/prefix
packages=(apptainer libc6 libseccomp2 libsqlite3-0)

main() {
    exec 9>"$dir/lock"
    flock 9
    if [ ! -x "$prefix/bin/apptainer" ]; then
        fetch
        put_together
    fi
    "$prefix/bin/apptainer" --version >&2
    echo "$prefix/bin/apptainer"
}

fetch() {
    mkdir -p "$dir"/apt/{state/lists/partial,cache/archives/partial} "$dir"/{debs,libs,unpacked}
    : >"$dir/apt/status"
    local mirror
    mirror=$(apt-get indextargets --format "\$(REPO_URI)" | grep -m1 "/debian/\?$")
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$dir/apt/sources.list"
    # a mirror's copy of sid may be older than its week, which is no reason against its signature
    cat >"$dir/apt/apt.conf" <<C
Dir::State "$dir/apt/state";
Dir::State::status "$dir/apt/status";
Dir::Cache "$dir/apt/cache";
Dir::Etc::sourcelist "$dir/apt/sources.list";
Dir::Etc::sourceparts "/nonexistent";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
APT::Sandbox::User "";
C
    APT_CONFIG=$dir/apt/apt.conf apt-get update -qq
    (cd "$dir/debs" && APT_CONFIG=$dir/apt/apt.conf apt-get download -qq "${packages[@]}")
    dpkg-deb -x "$dir"/debs/apptainer_*.deb "$dir/unpacked"
    for one in "${packages[@]:1}"; do dpkg-deb -x "$dir"/debs/"${one}"_*.deb "$dir/libs"; done
}

# The program finds its own files next to itself; its libraries are sid's, which the machine's own do not replace.
put_together() {
    local libs one
    rm -rf "$prefix.new"
    cp -a "$dir/unpacked/usr" "$prefix.new"
    cp -a "$dir/unpacked/etc" "$prefix.new/etc"
    mkdir -p "$prefix.new"/{var/lib,lib/var/lib}/apptainer/mnt/session
    ln -sfn ../etc "$prefix.new/lib/etc"
    # root may lack a capability here, and then the default `full` fails
    sed -i 's/^root default capabilities = .*/root default capabilities = no/' "$prefix.new/etc/apptainer/apptainer.conf"
    libs=$(dirname "$(find "$dir/libs" -name 'libseccomp.so.2' | head -n 1)")
    for one in "$prefix.new/bin/apptainer" "$(find "$prefix.new/lib" -path '*/apptainer/bin/starter')"; do
        patchelf --set-interpreter "$(find "$dir/libs" -name 'ld-linux*.so.*' | head -n 1)" "$one"
        patchelf --force-rpath --set-rpath "$libs" "$one" # rpath, not runpath: libsqlite3 needs libm too
    done
    mv "$prefix.new" "$prefix"
    rm -rf "$dir/apt" "$dir/debs" "$dir/unpacked"
}

main

#!/bin/sh
# Makes a folder with a Debian suite and Ceph in it:
#   prepare-root.sh ROOT SUITE MIRROR KEYRING MARKER_NAME MARKER_TEXT PROXY PACKAGE…
# To be run in a mount namespace of its own (nothing stays mounted) and under a lock. Builds in ROOT.new and
# renames it at the end, so that an interrupted run leaves no ROOT. Lines on stdout that begin with "== " are progress.
set -eu
root=$1 suite=$2 mirror=$3 keyring=$4 marker=$5 text=$6 proxy=$7
shift 7
new=$root.new
PATH="$PATH:/usr/sbin:/sbin"
export PATH LC_ALL=C DEBIAN_FRONTEND=noninteractive
if [ -n "$proxy" ]; then export http_proxy="$proxy" https_proxy="$proxy"; fi

inside() { chroot "$new" /usr/bin/env -i PATH="$PATH" LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"; }
# A mirror may serve a state of sid whose Release file has expired.
apt() { inside apt-get -q -y -o Acquire::Check-Valid-Until=false -o Acquire::Retries=3 -o Acquire::http::Proxy="$proxy" -o Acquire::https::Proxy="$proxy" "$@"; }

rm -rf --one-file-system "$new" "$root.old"
mkdir -p "$new"

echo "== base system ($suite)"
include=ca-certificates
case $mirror in https:*) ;; *) include=apt ;; esac
debootstrap --variant=minbase --include="$include" --keyring="$keyring" "$suite" "$new" "$mirror"

# The maintainer scripts of sid need /proc, /dev and /sys.
for dir in dev proc sys; do mount --rbind "/$dir" "$new/$dir"; done
printf '#!/bin/sh\nexit 101\n' > "$new/usr/sbin/policy-rc.d"
chmod 755 "$new/usr/sbin/policy-rc.d"
echo force-unsafe-io > "$new/etc/dpkg/dpkg.cfg.d/orchbridge"
cp /etc/resolv.conf "$new/etc/resolv.conf" 2>/dev/null || true

echo "== package lists"
apt update
echo "== Ceph ($*)"
apt install --no-install-recommends "$@"
apt clean
mkdir -p "$new/run/ceph" "$new/clusters" "$new/mnt"
chmod 755 "$new/clusters"

for dir in dev proc sys; do umount -R -l "$new/$dir"; done
if [ -e "$root" ]; then mv "$root" "$root.old"; fi
printf '%s\n' "$text" > "$new/$marker"
mv "$new" "$root"
rm -rf --one-file-system "$root.old"
echo "== done"

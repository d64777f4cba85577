# Boots a release's root with systemd as its first process, in namespaces of its own. Run in a mount namespace of its own.
# Arguments: ROOT (stays as it is), OWN (what the host changes lies here, so that it is kept over a reboot),
# PROJECT and NODE (show as /opt/orchbridge and /opt/node).
set -e
root=$1 own=$2 project=$3 node=$4
mkdir -p "$own/upper" "$own/work" "$own/host" "$own/cgroup"
mount -t overlay orchbridge-host -o "lowerdir=$root,upperdir=$own/upper,workdir=$own/work" "$own/host"
mount -t cgroup2 orchbridge-cgroup "$own/cgroup"
cgroup="$own/cgroup/orchbridge-$(basename "$own")"
mkdir -p "$cgroup"
echo $$ > "$cgroup/cgroup.procs"
cd "$own/host"
mkdir -p opt/orchbridge
mount --rbind "$project" opt/orchbridge
: > opt/node
mount --bind "$node" opt/node

# What is read-only here, systemd leaves alone: it is the machine's, not the host's.
exec unshare --cgroup --pid --fork --uts --ipc --net --mount sh -c '
set -e
hostname h1
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for dir in run tmp; do mount -t tmpfs tmpfs "$dir"; done
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  : > "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ip link set lo up
export container=orchbridge
exec chroot . /lib/systemd/systemd --system --unit=multi-user.target --log-target=console
'

# The first mon and mgr of a cluster, by the units of the packages, as an operator makes them by hand.
set -e
fsid=$(cat /proc/sys/kernel/random/uuid)
cat > /etc/ceph/ceph.conf <<CONF
[global]
fsid = $fsid
mon_host = 127.0.0.1
osd_pool_default_size = 2
osd_crush_chooseleaf_type = 0
CONF
work=$(mktemp -d)
chmod 755 "$work"
ceph-authtool --create-keyring /etc/ceph/ceph.client.admin.keyring --gen-key -n client.admin \
  --cap mon 'allow *' --cap osd 'allow *' --cap mds 'allow *' --cap mgr 'allow *'
ceph-authtool --create-keyring "$work/keyring" --gen-key -n mon. --cap mon 'allow *'
ceph-authtool "$work/keyring" --import-keyring /etc/ceph/ceph.client.admin.keyring
chown ceph "$work/keyring"
monmaptool --create --add h1 127.0.0.1 --fsid "$fsid" "$work/monmap"
runuser -u ceph -- ceph-mon --mkfs -i h1 --monmap "$work/monmap" --keyring "$work/keyring"
systemctl enable --now ceph-mon@h1
mkdir -p /var/lib/ceph/mgr/ceph-h1
ceph --connect-timeout 60 auth get-or-create mgr.h1 mon 'allow profile mgr' osd 'allow *' mds 'allow *' \
  > /var/lib/ceph/mgr/ceph-h1/keyring
chown -R ceph:ceph /var/lib/ceph/mgr/ceph-h1
systemctl enable --now ceph-mgr@h1
rm -r "$work"

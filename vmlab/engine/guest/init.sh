#!/bin/sh
# First program of a guest: load the drivers, mount the root image, hand over to the agent.
# Whatever goes wrong is said on the console with the kernel options that are missing, and ends the guest.

say() { echo "vmlab: $*" > /dev/console; }
give_up() { say "$*"; poweroff -f; }

mount -t devtmpfs dev /dev || give_up "no devtmpfs; the kernel needs CONFIG_DEVTMPFS"
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do
    insmod "/modules/$module" || say "module $module was refused"
done < /modules/order

tries=0
while [ ! -b /dev/vda ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || give_up "no disk; the kernel needs CONFIG_VIRTIO_PCI and CONFIG_VIRTIO_BLK"
    sleep 0.02
done
mount -t erofs -o ro /dev/vda /image || give_up "no root image; the kernel needs CONFIG_EROFS_FS"
mount -t tmpfs -o mode=755 run /image/run || give_up "no tmpfs; the kernel needs CONFIG_TMPFS"
mkdir -p /image/run/vmlab/agent /image/run/vmlab/host /image/run/vmlab/root /image/run/vmlab/upper \
    /image/run/vmlab/tmp
mount -o bind /agent /image/run/vmlab/agent
ip link set lo up

for place in dev proc sys; do mount -o move "/$place" "/image/$place"; done
read -r python < /python
cd /image || give_up "no root image"
mount -o move . /
exec chroot . "$python" -I -S -B -c \
    'import sys; sys.path.insert(0, "/run/vmlab/agent"); from vmlab.engine.guest.agent import main; main("image")'

# A file system on a disk whose power can be cut (powercut.c): source after _init.sh.
#
# nbdkit holds the disk, nbdfuse shows it as a file, a loop device makes a block device of it, ext4 is on that.
#
# shellcheck shell=bash

DISK_CONTROL=$E2E_DIR/disk.control
DISK_IMAGE=$E2E_DIR/disk.img
DISK_MOUNT=$E2E_DIR/disk
DISK_LOOP=''
DISK_PLUGIN=${DISK_PLUGIN:-$BUILD_DIR/tests/fault/powercut.so}

disk_require() {
  local tool
  for tool in nbdkit nbdfuse losetup mkfs.ext4; do
    command -v "$tool" >/dev/null || e2e_skip "$tool is not installed"
  done
  [ -e "$DISK_PLUGIN" ] || e2e_skip 'the build has no powercut plugin: install nbdkit-plugin-dev and configure again'
  [ -w /dev/fuse ] || e2e_skip 'FUSE is not permitted here'
  losetup -f >/dev/null 2>&1 || e2e_skip 'loop devices are not permitted here'
}

# disk_open SIZE SEED: an empty file system.
disk_open() {
  mkdir -p "$DISK_CONTROL" "$DISK_MOUNT"
  : >"$DISK_IMAGE"
  e2e_start disk nbdfuse "$DISK_IMAGE" --command nbdkit -s "$DISK_PLUGIN" "bytes=$1" "control=$DISK_CONTROL" "seed=$2"
  disk_shows || e2e_skip "FUSE is not permitted here: $(tail -n 1 "$E2E_DIR/disk.log")"
  mkfs.ext4 -q -F "$DISK_IMAGE"
  disk_mount
}

disk_shows() {
  local tries=100
  until [ -s "$DISK_IMAGE" ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.1
  done
}

disk_mount() {
  DISK_LOOP=$(losetup -f --show "$DISK_IMAGE") || e2e_skip 'loop devices are not permitted here'
  mount -t ext4 "$DISK_LOOP" "$DISK_MOUNT" || e2e_skip 'file systems cannot be mounted here'
}

disk_unmount() {
  [ -n "$DISK_LOOP" ] || return 0
  umount "$DISK_MOUNT" 2>/dev/null || umount -l "$DISK_MOUNT" 2>/dev/null || true
  losetup -d "$DISK_LOOP"
  DISK_LOOP=''
}

# disk_cut WRITES: the power goes with that write from now on.
disk_cut() {
  echo "$1" >"$DISK_CONTROL/cut_at.new"
  mv "$DISK_CONTROL/cut_at.new" "$DISK_CONTROL/cut_at"
}

disk_cuts() {
  if [ -e "$DISK_CONTROL/log" ]; then wc -l <"$DISK_CONTROL/log"; else echo 0; fi
}

# The power is back, and what was on the disk is found again.
disk_power_up() {
  disk_unmount
  touch "$DISK_CONTROL/power_up"
  disk_mount
}

disk_close() {
  disk_unmount || true
  umount "$DISK_IMAGE" 2>/dev/null || true
}

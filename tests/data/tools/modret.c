// Change what a security hook of the kernel answers, for one device number only.
#include <linux/fs.h>
#include <linux/errno.h>

#ifndef GUARDED_DEV
#define GUARDED_DEV 0
#endif

#define BPF_LICENSE GPL

BPF_HASH(asked, u32);

KMOD_RET(security_inode_getattr, const struct path *path, int ret) {
    struct inode *inode = path->dentry->d_inode;
    u32 dev = inode->i_sb->s_dev;
    u32 major = MAJOR(inode->i_rdev);

    asked.increment(major);
    if (GUARDED_DEV && dev == GUARDED_DEV)
        return -EPROTONOSUPPORT;
    return 0;
}

KMOD_RET(security_file_permission, struct file *file, int mask, int ret) {
    u32 dev = 0;

    if (mask == MAY_WRITE)
        asked.increment(dev);
    return 0;
}

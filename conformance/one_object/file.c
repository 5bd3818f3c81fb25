#include <linux/fs.h>
#include <linux/fdtable.h>
#include <linux/dcache.h>

RAW_TRACEPOINT_PROBE(sys_enter) {
    if (!mine(ctx))
        return 0;
    struct file *file = wanted_file();
    struct dentry *dentry = file->f_path.dentry;
    struct inode *inode = file->f_inode;
    char name[16] = {};

    OUT(0, file->f_pos);
    OUT(1, file->f_flags & 3);
    OUT(2, inode->i_ino);
    OUT(3, inode->i_size);
    OUT(4, inode->i_mode);
    OUT(5, inode->__i_nlink);
    OUT(6, inode->i_sb->s_dev);
    OUT(7, dentry->d_parent->d_inode->i_ino);
    OUT(8, dentry->d_name.len);
    bpf_probe_read_kernel_str(&name, sizeof(name), dentry->d_name.name);
    OUT(9, *(u64 *)&name[0]);
    OUT(10, *(u64 *)&name[8]);
    return 0;
}

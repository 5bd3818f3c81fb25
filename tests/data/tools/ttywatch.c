// Copy what is written to a terminal, whichever way the kernel describes the user's buffer.
#include <uapi/linux/ptrace.h>
#include <linux/fs.h>
#include <linux/uio.h>
#include <linux/uaccess.h>

#define CHUNK 128

struct chunk_t {
    int count;
    u64 inode;
    char text[CHUNK];
};

BPF_PERCPU_ARRAY(space, struct chunk_t, 1);
BPF_PERF_OUTPUT(chunks);

static int send(void *ctx, struct file *file, const char __user *from, size_t count) {
    int zero = 0;
    struct chunk_t *chunk = space.lookup(&zero);

    if (!chunk)
        return 0;
    chunk->inode = file->f_inode->i_ino;
    chunk->count = min_t(size_t, count, CHUNK);
    bpf_probe_read_user(&chunk->text, CHUNK, from);
    chunks.perf_submit(ctx, chunk, sizeof(*chunk));
    return 0;
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 11)
int kprobe__tty_write(struct pt_regs *ctx, struct file *file, const char __user *buf, size_t count) {
    return send(ctx, file, buf, count);
}
#else
int kprobe__tty_write(struct pt_regs *ctx, struct kiocb *iocb, struct iov_iter *from) {
    const char __user *buf = NULL;
    const struct iovec *iov;

    if (from->iter_type == ITER_IOVEC) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
        iov = from->__iov;
#else
        iov = from->iov;
#endif
        bpf_probe_read_kernel(&buf, sizeof(buf), &iov->iov_base);
    }
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0)
    if (from->iter_type == ITER_UBUF)
        buf = from->ubuf;
#endif
    if (buf == NULL)
        return 0;
    return send(ctx, iocb->ki_filp, buf, from->count);
}
#endif

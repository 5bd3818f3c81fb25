// Sizes of the buffers that go to virtio devices: a walk over their scatter lists.
// program trace_add: kprobe
#include <uapi/linux/ptrace.h>
#include <linux/virtio.h>
#include <linux/scatterlist.h>
#include <linux/string.h>

#define MAX_ENTRIES 8

struct device_t {
    char driver[16];
    char queue[12];
    u64 in_bytes;
    u64 out_bytes;
    u32 in_lists;
    u32 out_lists;
};

BPF_HASH(devices, u64, struct device_t);

static struct scatterlist *following(struct scatterlist *sg) {
    if (sg_is_last(sg))
        return NULL;
    sg++;
    if (sg_is_chain(sg))
        sg = sg_chain_ptr(sg);
    return sg;
}

static u64 bytes_in(struct scatterlist *sg) {
    u64 total = 0;

    #pragma unroll
    for (int i = 0; i < MAX_ENTRIES; i++) {
        if (sg == NULL)
            break;
        total += sg->length;
        sg = following(sg);
    }
    return total;
}

int trace_add(struct pt_regs *ctx, struct virtqueue *vq, struct scatterlist *sg[],
              unsigned int out, unsigned int in) {
    struct device_t fresh, *device;
    u64 key = (u64)vq;
    struct scatterlist *first = sg[0];

    device = devices.lookup(&key);
    if (device == NULL) {
        memset(&fresh, 0, sizeof(fresh));
        bpf_probe_read_kernel(fresh.driver, sizeof(fresh.driver), vq->vdev->dev.driver->name);
        bpf_probe_read_kernel(fresh.queue, sizeof(fresh.queue), vq->name);
        devices.update(&key, &fresh);
        return 0;
    }
    if (memcmp(device->driver, "virtio_console", 6) == 0 && out == 0)
        return 0;
    if (out > 0) {
        device->out_lists++;
        device->out_bytes += bytes_in(first);
    } else if (in > 0) {
        device->in_lists++;
        device->in_bytes += bytes_in(first);
    }
    return 0;
}

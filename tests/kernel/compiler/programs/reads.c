#include <linux/sched.h>
#include <linux/fs.h>
#include <linux/fdtable.h>
#include <linux/signal.h>
struct two { struct list_head *l; struct task_struct *t; };
static inline struct task_struct *cur(void) { return (struct task_struct *)bpf_get_current_task(); }
static inline struct list_head *nx(struct list_head *p) { return p->next; }
RAW_TRACEPOINT_PROBE(tgid) { return cur()->tgid; }
RAW_TRACEPOINT_PROBE(ppid) { struct task_struct *t = cur(); return t->real_parent->tgid; }
RAW_TRACEPOINT_PROBE(pp2) { struct two a[2] = { {.t = cur()}, {.t = cur()->real_parent} }; return a[1].t->tgid; }
RAW_TRACEPOINT_PROBE(nr) { struct task_struct *t = cur(); int i = 0; return t->thread_pid->numbers[0].nr; }
RAW_TRACEPOINT_PROBE(bits) { struct task_struct *t = cur(); return t->in_execve + 2 * t->sched_reset_on_fork; }
RAW_TRACEPOINT_PROBE(comm) { struct task_struct *t = cur(); char c[16]; __builtin_memcpy(c, t->comm, 16); return c[0] | c[1] << 8 | c[2] << 16; }
RAW_TRACEPOINT_PROBE(comm2) { struct task_struct *t = cur(); int i = t->tgid & 1; return t->comm[0] + t->comm[1 + (i & 0)]*256; }
RAW_TRACEPOINT_PROBE(rlim) { struct task_struct *t = cur(); int i = t->tgid ? 7 : 0; return (u32)t->signal->rlim[i].rlim_cur; }
RAW_TRACEPOINT_PROBE(kids) { struct list_head l = {}; l.next = &l; struct task_struct *t = cur(); struct task_struct *k = container_of(nx(&t->real_parent->children), struct task_struct, sibling); return (nx(&l) == &l) + (k->real_parent == t->real_parent) * 2; }
RAW_TRACEPOINT_PROBE(mixed) { struct list_head l = {}; struct task_struct *t = cur(); struct list_head *p = t->tgid ? &t->children : &l; return p->next != 0; }
RAW_TRACEPOINT_PROBE(rec) { struct task_struct *t = cur(); struct list_head h = t->children; struct path pw = t->fs->pwd; struct dentry *d = pw.dentry; return (h.next == t->children.next) + 2 * (d == t->fs->pwd.dentry) + 4 * (d->d_parent != 0); }
RAW_TRACEPOINT_PROBE(file0) { struct task_struct *t = cur(); struct file *f = t->files->fdt->fd[0]; return f->f_inode->i_ino; }
RAW_TRACEPOINT_PROBE(num) { u64 x = (u64)cur(); x += offsetof(struct task_struct, tgid); return *(int *)x; }
RAW_TRACEPOINT_PROBE(macro) { return ntohs(htons((u16)cur()->tgid)); }
RAW_TRACEPOINT_PROBE(loopy) { struct task_struct *t = cur(); int n = 0; for (int i = 0; i < 20; i++) { if (!t || !t->tgid) break; n++; t = t->real_parent; } return n; }
RAW_TRACEPOINT_PROBE(cmp) { struct task_struct *t = cur(); char k[] = "xyzzy"; return __builtin_memcmp(t->comm, k, 5) != 0; }

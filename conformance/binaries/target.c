/*
 * What probes in user space are tried on: functions, and USDT probes whose notes are written by hand so that
 * every form of an argument is there. It writes a byte when it runs. One round for each byte read from standard input: the byte comes back
 * when the round is over, so a test knows that it is. Needs no C library. x86-64 only.
 */
typedef unsigned long u64;
typedef unsigned short u16;

#define NOINLINE __attribute__((noinline, noclone, used))

/* One place of a probe: a nop, and a note that tells its address. */
#define PLACE(provider, name, semaphore, arguments) \
	"990: nop\n" \
	".pushsection .note.stapsdt,\"?\",\"note\"\n" \
	".balign 4\n" \
	".4byte 992f-991f, 994f-993f, 3\n" \
	"991: .asciz \"stapsdt\"\n" \
	"992: .balign 4\n" \
	"993: .8byte 990b\n" \
	".8byte _.stapsdt.base\n" \
	".8byte " semaphore "\n" \
	".asciz \"" provider "\"\n" \
	".asciz \"" name "\"\n" \
	".asciz \"" arguments "\"\n" \
	"994: .balign 4\n" \
	".popsection\n"

__asm__(".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
	".weak _.stapsdt.base\n"
	".hidden _.stapsdt.base\n"
	"_.stapsdt.base: .space 1\n"
	".size _.stapsdt.base, 1\n"
	".popsection\n");

u16 trial_guarded_semaphore __attribute__((section(".probes"), used));
int in_memory __attribute__((used)) = -77;
u64 table[4] __attribute__((used)) = {100, 101, 102, 103};
int rounds;

NOINLINE int add(int a, int b)
{
	__asm__ volatile("");
	return a + b;
}

NOINLINE static int hidden_twice(int a)
{
	__asm__ volatile("");
	return 2 * a;
}

/* The same place in two functions of one name's beginning, for patterns. */
NOINLINE int step_one(int a)
{
	__asm__ volatile("");
	return a + 1;
}

NOINLINE int step_two(int a)
{
	__asm__ volatile("");
	return a + 2;
}

NOINLINE void all_registers(void)
{
	__asm__ volatile("mov $0x1111111111111181, %%rax\n"
			 "mov $-2, %%rbx\n"
			 "mov $0x3333, %%ecx\n"
			 "mov $0x44444444fffffff4, %%rdx\n"
			 "mov $0x5555555555555555, %%r8\n"
			 "mov $0x66666666fffffff6, %%r9\n"
			 "mov $0x777777777777fff7, %%r10\n"
			 "mov $0x88888888888888f8, %%r11\n"
			 /* Six. */
			 PLACE("trial", "wide", "0", "8@%%rax -8@%%rbx 4@%%ecx -4@%%edx 8@%%r8 -4@%%r9d")
			 /* Sub-registers, and numbers. */
			 PLACE("trial", "narrow", "0",
			       "1@%%al -1@%%al 1@%%ah -1@%%bl -2@%%r10w 2@%%r10w -1@%%r11b 1@$200 -4@$-5 8@$0x10 -2@%%bx 8@$-1")
			 :
			 :
			 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11");
}

NOINLINE void all_memory(void)
{
	volatile struct {
		int first;
		signed char second;
		u64 third[3];
	} here = {-41, -3, {7, 8, 9}};

	__asm__ volatile("mov %0, %%rsi\n"
			 "mov $2, %%edi\n"
			 "lea table(%%rip), %%r12\n"
			 PLACE("trial", "memory", "0",
			       "-4@(%%rsi) -1@4(%%rsi) 8@8(%%rsi,%%rdi,8) 8@(%%r12,%%rdi,8) -4@in_memory(%%rip) 8@table+8(%%rip) 8@-8+table+24(%%rip) 4@8(%%rsi) 2@%%di")
			 :
			 : "r"(&here)
			 : "rsi", "rdi", "r12", "memory");
}

/* Several places of one probe, with their argument elsewhere in each. */
NOINLINE void many_places(void)
{
	__asm__ volatile("mov $31, %%eax\n"
			 PLACE("trial", "many", "0", "4@%%eax")
			 "mov $32, %%ecx\n"
			 PLACE("trial", "many", "0", "8@%%rcx")
			 :
			 :
			 : "rax", "rcx");
}

/* The same page offset in two pages: only a cookie, or the whole address, tells these apart. */
NOINLINE __attribute__((aligned(4096))) void alike_one(void)
{
	__asm__ volatile("mov $51, %%eax\nmov $0, %%ecx\n" PLACE("trial", "alike", "0", "4@%%eax") : : : "rax", "rcx");
}

NOINLINE __attribute__((aligned(4096))) void alike_two(void)
{
	__asm__ volatile("mov $0, %%eax\nmov $52, %%ecx\n" PLACE("trial", "alike", "0", "4@%%ecx") : : : "rax", "rcx");
}

NOINLINE void guarded(void)
{
	if (*(volatile u16 *)&trial_guarded_semaphore)
		__asm__ volatile(PLACE("trial", "guarded", "trial_guarded_semaphore", "-4@%0") : : "r"(rounds));
}

NOINLINE void plain(void)
{
	__asm__ volatile(PLACE("trial", "plain", "0", ""));
	__asm__ volatile(PLACE("other", "plain", "0", ""));
}

NOINLINE void pointing(void)
{
	__asm__ volatile(PLACE("trial", "pointing", "0", "8@%0") : : "r"(table));
}

static long call(long number, long a, void *b, long c)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

__attribute__((used, noreturn, force_align_arg_pointer)) void _start(void)
{
	char byte = '!';

	/* Everything is loaded. */
	call(1, 1, &byte, 1);
	while (call(0, 0, &byte, 1) == 1) {
		rounds = add(rounds, 1);
		hidden_twice(rounds);
		step_one(rounds);
		step_two(rounds);
		all_registers();
		all_memory();
		many_places();
		alike_one();
		alike_two();
		guarded();
		plain();
		pointing();
		call(1, 1, &byte, 1);
	}
	call(231, 0, 0, 0);
	__builtin_unreachable();
}

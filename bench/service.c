/* The service of all measurements: it leaves a stamp in a shared page, says that it is ready when
   it is asked to, and sleeps for ever. No libc: its own cost must not drown what is measured.

   PAGE is the path of the page (page.py). argv[1]: "fd3", a descriptor to write a newline to;
   "notify", a message to $NOTIFY_SOCKET. */
#include <stdint.h>

static long call(long n, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long r;
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return r;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
#else
#error no system calls for this machine: the bench falls back to a script
#endif
}

#if defined(__x86_64__)
enum { OPENAT = 257, WRITE = 1, MMAP = 9, GETPID = 39, CLOCK = 228, PAUSE = 271, SOCKET = 41,
       SENDTO = 44, EXIT = 60 };
__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall begin\n");
#else
enum { OPENAT = 56, WRITE = 64, MMAP = 222, GETPID = 172, CLOCK = 113, PAUSE = 73, SOCKET = 198,
       SENDTO = 206, EXIT = 93 };
__asm__(".globl _start\n_start: mov x0, sp\nb begin\n");
#endif

struct slot { int64_t stamp, pid; };
struct page { int64_t taken; int64_t pad; struct slot slots[ROOM]; };

static void notify(char **env) {
  static const char name[] = "NOTIFY_SOCKET=";
  for (; *env; env++) {
    const char *at = *env, *want = name;
    while (*want && *at == *want) at++, want++;
    if (*want) continue;
    struct { unsigned short family; char path[108]; } address = {1, {0}};
    int size = 0;
    for (; at[size] && size < 107; size++) address.path[size] = at[size];
    if (address.path[0] == '@') address.path[0] = 0;
    int fd = call(SOCKET, 1, 2, 0, 0, 0, 0);
    call(SENDTO, fd, (long)"READY=1", 7, 0, (long)&address, size + 2);
  }
}

__attribute__((used, noreturn)) void begin(long *stack) {
  long argc = stack[0];
  char **argv = (char **)(stack + 1), **env = argv + argc + 1;
  int fd = call(OPENAT, -100, (long)PAGE, 2, 0, 0, 0);
  if (fd < 0) call(EXIT, 100, 0, 0, 0, 0, 0);
  struct page *page = (struct page *)call(MMAP, 0, sizeof *page, 3, 1, fd, 0);
  if ((unsigned long)page > -4096UL) call(EXIT, 101, 0, 0, 0, 0, 0);
  int64_t at = __atomic_fetch_add(&page->taken, 1, __ATOMIC_SEQ_CST);
  if (at < ROOM) {
    int64_t now[2];
    call(CLOCK, 1, (long)now, 0, 0, 0, 0);
    page->slots[at].pid = call(GETPID, 0, 0, 0, 0, 0, 0);
    __atomic_store_n(&page->slots[at].stamp, now[0] * 1000000000 + now[1], __ATOMIC_SEQ_CST);
  }
  if (argc > 1 && argv[1][0] == 'f') call(WRITE, 3, (long)"\n", 1, 0, 0, 0);
  if (argc > 1 && argv[1][0] == 'n') notify(env);
  for (;;) call(PAUSE, 0, 0, 0, 0, 0, 0);
}

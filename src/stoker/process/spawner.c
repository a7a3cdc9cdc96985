/* The spawner in C: same orders, same answers as spawner.py, which says what they are and stays the
   text to read first. Built where there is a compiler (hatch_build.py), left out otherwise.

   What differs: the child shares this process's memory until its exec (CLONE_VM, CLONE_VFORK), which
   saves copying it, and says itself that it is born, before its exec. So a process that the manager
   was not told of has never run a program, whoever dies when. What failed is left in memory that
   both see. No libc: nothing here may depend on what a library does in a child like that. */

#if !defined(__x86_64__) || !defined(__linux__)
#error only written for, and tried on, x86_64
#endif

typedef long word;
typedef unsigned char byte;

enum {
  WRITE = 1, CLOSE = 3, FSTAT = 5, MMAP = 9, MUNMAP = 11, RT_SIGACTION = 13, RT_SIGPROCMASK = 14,
  PREAD = 17, DUP2 = 33, GETPID = 39, SENDTO = 44, RECVMSG = 47, EXECVE = 59, EXIT = 60, KILL = 62,
  FCNTL = 72, CHDIR = 80, UMASK = 95, SETSID = 112, SETGROUPS = 116, SETRESUID = 117,
  SETRESGID = 119, CAPSET = 126, SETPRIORITY = 141, PRCTL = 157, EXIT_GROUP = 231, OPENAT = 257, PRLIMIT = 302, CLONE3 = 435,
};
enum { E_NOENT = 2, E_TOOBIG = 7, E_AGAIN = 11, E_NOMEM = 12, E_NOTDIR = 20, E_INVAL = 22 };
enum { E_PERM = 1, E_NOSYS = 38, E_INTR = 4, UNBORN = 63, CLOEXEC = 02000000, NOSIGNAL = 0x4000 };
enum { MOST = 253, PACKET = 61000, SMALL = 400000 };

static word call(word n, word a, word b, word c, word d, word e, word f) {
  word r;
  register word r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return r;
}
#define call0(n) call(n, 0, 0, 0, 0, 0, 0)
#define call1(n, a) call(n, (word)(a), 0, 0, 0, 0, 0)
#define call2(n, a, b) call(n, (word)(a), (word)(b), 0, 0, 0, 0)
#define call3(n, a, b, c) call(n, (word)(a), (word)(b), (word)(c), 0, 0, 0)
#define call4(n, a, b, c, d) call(n, (word)(a), (word)(b), (word)(c), (word)(d), 0, 0)

void *memcpy(void *to, const void *from, unsigned long size) {
  for (unsigned long at = 0; at < size; at++) ((byte *)to)[at] = ((const byte *)from)[at];
  return to;
}
void *memset(void *to, int value, unsigned long size) {
  for (unsigned long at = 0; at < size; at++) ((volatile byte *)to)[at] = value;
  return to;
}

/* -- the order, as marshal (version 2) has it */

struct limit { word number; unsigned long soft, hard; };
struct order {
  word token;
  char **programs, **argv, **env;
  char *cwd, *cgroup;
  word uid, gid, umask, nice, oom;
  unsigned long capabilities;
  int has_uid, has_gid, has_groups, has_umask, has_nice, has_oom, has_capabilities;
  word group_count, limit_count, target_count;
  unsigned *groups;
  struct limit *limits;
  word *targets;
};

static const byte *at, *end;
static byte *room, *room_end;

__attribute__((noreturn)) static void broken(void) {
  call1(EXIT_GROUP, 3);
  __builtin_unreachable();
}
static byte next(void) {
  if (at >= end) broken();
  return *at++;
}
static word number4(void) {
  if (end - at < 4) broken();
  int value = at[0] | at[1] << 8 | at[2] << 16 | (int)((unsigned)at[3] << 24);
  at += 4;
  return value;
}
static void *take(word size) {
  byte *found = room;
  size = (size + 7) & ~7L;
  if (size < 0 || size > room_end - room) broken();
  room += size;
  return found;
}
static word integer(byte kind) {
  if (kind == 'i') return number4();
  if (kind != 'l') broken();
  word digits = number4(), sign = digits < 0 ? -1 : 1;
  unsigned long value = 0;
  digits *= sign;
  if (digits > 5) broken();
  for (word n = 0; n < digits; n++) {
    word low = next(), high = next();
    value |= (unsigned long)(low | high << 8) << (15 * n);
  }
  return (word)value * sign;
}
static char *text(byte kind, char *before) {
  /* a string with a NUL; or, after `before`, joined to it: NAME=value */
  if (kind != 's' && kind != 'u' && kind != 't') broken();
  word size = number4(), known = 0;
  if (size < 0 || size > end - at) broken();
  if (before) while (before[known]) known++;
  char *found = take(known + size + 2);
  memcpy(found, before, known);
  if (before) found[known++] = '=';
  memcpy(found + known, at, size);
  found[known + size] = 0;
  at += size;
  return found;
}
static word many(void) {
  byte kind = next();
  if (kind != '(' && kind != '[') broken();
  word count = number4();
  if (count < 0 || count > end - at) broken();
  return count;
}
static char **texts(void) {
  word count = many();
  char **found = take((count + 1) * sizeof *found);
  for (word n = 0; n < count; n++) found[n] = text(next(), 0);
  found[count] = 0;
  return found;
}
static char **pairs(void) {
  if (next() != '{') broken();
  char **found = take(0);
  const byte *start = at;
  word count = 0;
  for (int pass = 0; pass < 2; pass++) {
    byte kind;
    byte *mark = room;
    at = start;
    if (pass) found = take((count + 1) * sizeof *found);
    for (count = 0; (kind = next()) != '0'; count++) {
      char *name = text(kind, 0), *both = text(next(), name);
      if (pass) found[count] = both;
    }
    if (!pass) room = mark;
  }
  found[count] = 0;
  return found;
}
static int maybe(word *value) {
  byte kind = next();
  if (kind == 'N') return 0;
  *value = integer(kind);
  return 1;
}
static void read_order(struct order *o) {
  memset(o, 0, sizeof *o);
  if (many() != 15) broken();
  o->token = integer(next());
  o->programs = texts();
  o->argv = texts();
  o->env = pairs();
  byte kind = next();
  if (kind != 'N') o->cwd = text(kind, 0);
  o->has_uid = maybe(&o->uid);
  o->has_gid = maybe(&o->gid);
  if (at < end && *at == 'N') at++;
  else {
    o->has_groups = 1;
    o->group_count = many();
    o->groups = take(o->group_count * sizeof *o->groups);
    for (word n = 0; n < o->group_count; n++) o->groups[n] = integer(next());
  }
  o->has_umask = maybe(&o->umask);
  o->has_nice = maybe(&o->nice);
  o->has_oom = maybe(&o->oom);
  o->limit_count = many();
  o->limits = take(o->limit_count * sizeof *o->limits);
  for (word n = 0; n < o->limit_count; n++) {
    if (many() != 3) broken();
    o->limits[n].number = integer(next());
    o->limits[n].soft = integer(next());
    o->limits[n].hard = integer(next());
  }
  kind = next();
  if (kind != 'N') o->cgroup = text(kind, 0);
  o->target_count = many();
  o->targets = take(o->target_count * sizeof *o->targets);
  for (word n = 0; n < o->target_count; n++) o->targets[n] = integer(next());
  o->has_capabilities = maybe((word *)&o->capabilities);
}

/* -- answers */

static word link;

static byte *put4(byte *to, byte kind, word value) {
  *to++ = kind;
  for (int n = 0; n < 4; n++) *to++ = value >> (8 * n);
  return to;
}
static int answer(word token, word pid, const char *step, word number) {
  byte packet[80], *to = put4(packet, '(', 4);
  to = put4(put4(to, 'i', token), 'i', pid);
  if (!step) *to++ = 'N';
  else {
    word size = 0;
    while (step[size]) size++;
    to = put4(to, 'u', size);
    memcpy(to, step, size);
    to += size;
  }
  to = put4(to, 'i', number);
  word sent;
  do sent = call(SENDTO, link, (word)packet, to - packet, NOSIGNAL, 0, 0);
  while (sent == -E_INTR);
  return sent >= 0;
}

/* -- the child */

static struct {
  struct order *order;
  int *descriptors;
  word descriptor_count;
  char *move; /* the cgroup that it must go to by itself */
  const char *step;
  word number;
} born;

__attribute__((noreturn)) static void fail(const char *step, word result) {
  born.number = -result;
  born.step = step;
  call1(EXIT, 127);
  __builtin_unreachable();
}
static void good(const char *step, word result) {
  if (result < 0) fail(step, result);
}
static void put(const char *step, const char *path, const char *data, word size) {
  word fd = call4(OPENAT, -100, path, 1 | CLOEXEC, 0);
  good(step, fd);
  good(step, call3(WRITE, fd, data, size));
  call1(CLOSE, fd);
}
static void descriptors(struct order *o) {
  word above = 3;
  for (word n = 0; n < o->target_count; n++)
    if (o->targets[n] >= above) above = o->targets[n] + 1;
  if (link < above) good("descriptors", link = call3(FCNTL, link, 1030, above));
  for (word n = 0; n < born.descriptor_count; n++)
    if (born.descriptors[n] < above) {
      word fd = call3(FCNTL, born.descriptors[n], 1030, above);
      good("descriptors", fd);
      born.descriptors[n] = fd;
    }
  if (born.descriptor_count != o->target_count) fail("descriptors", -E_INVAL);
  for (word n = 0; n < o->target_count; n++)
    good("descriptors", call2(DUP2, born.descriptors[n], o->targets[n]));
}
static void bound(unsigned long mask, int leaving) {
  /* as _bound of spawner.py */
  if (leaving) {
    good("capabilities", call(PRCTL, 8, 1, 0, 0, 0, 0));
    return;
  }
  for (word n = 0; n < 64; n++)
    if (!(mask >> n & 1)) {
      word r = call(PRCTL, 24, n, 0, 0, 0, 0);
      if (r == -E_INVAL) return;
      good("capabilities", r);
    }
}
static void take_along(unsigned long mask) {
  unsigned head[2] = {0x20080522, 0}, low = mask, high = mask >> 32;
  unsigned sets[6] = {low, low, low, high, high, high};
  good("capabilities", call2(CAPSET, head, sets));
  for (word n = 0; n < 64; n++)
    if (mask >> n & 1) good("capabilities", call(PRCTL, 47, 2, n, 0, 0, 0));
}
static void execute(struct order *o) {
  word told = 0, last = -E_NOENT;
  for (char **one = o->programs; *one; one++) {
    last = call3(EXECVE, *one, o->argv, o->env);
    if (!told && last != -E_NOENT && last != -E_NOTDIR) told = last;
  }
  fail("exec", told ? told : last);
}
static void own_pid(char *text, word pid) {
  /* LISTEN_PID, whose value is left blank for us (sd_listen_fds(3)) */
  const char *name = "LISTEN_PID= ";
  for (; *name; name++, text++)
    if (*text != *name) return;
  text--;
  word size = 1;
  for (word rest = pid; rest /= 10;) size++;
  text[size] = 0;
  for (; size--; pid /= 10) text[size] = '0' + pid % 10;
}
__attribute__((noreturn, used)) static void child(void) {
  struct order *o = born.order;
  word pid = call0(GETPID);
  if (!answer(o->token, pid, 0, 0)) call2(KILL, pid, UNBORN);
  for (char **one = o->env; *one; one++) own_pid(*one, pid);
  descriptors(o);
  if (born.move) {
    char path[4200];
    word size = 0;
    for (; born.move[size] && size < 4096; size++) path[size] = born.move[size];
    memcpy(path + size, "/cgroup.procs", 14);
    put("cgroup", path, "0", 1);
  }
  good("session", call0(SETSID));
  for (word n = 0; n < o->limit_count; n++)
    good("limits", call4(PRLIMIT, 0, o->limits[n].number, &o->limits[n].soft, 0));
  if (o->has_nice) good("nice", call3(SETPRIORITY, 0, 0, o->nice));
  if (o->has_oom) {
    char digits[24];
    word at_digit = sizeof digits, rest = o->oom < 0 ? -o->oom : o->oom;
    do digits[--at_digit] = '0' + rest % 10;
    while (rest /= 10);
    if (o->oom < 0) digits[--at_digit] = '-';
    put("oom_score_adj", "/proc/self/oom_score_adj", digits + at_digit, sizeof digits - at_digit);
  }
  if (o->has_umask) call1(UMASK, o->umask);
  if (o->has_groups) good("groups", call2(SETGROUPS, o->group_count, o->groups));
  if (o->has_gid) good("group", call3(SETRESGID, o->gid, o->gid, o->gid));
  int other = o->has_uid && o->uid;
  if (o->has_capabilities) bound(o->capabilities, other);
  if (o->has_uid) good("user", call3(SETRESUID, o->uid, o->uid, o->uid));
  if (o->has_capabilities && other) take_along(o->capabilities);
  if (o->cwd) good("directory", call1(CHDIR, o->cwd)); /* as the user */
  execute(o);
  __builtin_unreachable();
}

/* -- the parent */

static byte stack[65536] __attribute__((aligned(16)));

static word make(word cgroup) {
  /* CLONE_VM, VFORK, PARENT, and INTO_CGROUP; on a stack of its own, so that what it calls leaves
     ours as it is */
  unsigned long words[11] = {0x100 | 0x4000 | 0x8000 | (cgroup >= 0 ? 0x200000000 : 0)};
  words[5] = (unsigned long)stack;
  words[6] = sizeof stack;
  words[10] = cgroup >= 0 ? cgroup : 0;
  word r;
  __asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\txor %%ebp, %%ebp\n\tcall child\n1:"
                   : "=a"(r) : "a"(CLONE3), "D"(words), "S"(sizeof words)
                   : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
  return r;
}
static void carry_out(struct order *o, int *fds, word count) {
  word kept = link, pid;
  const char *step = "fork";
  born.order = o;
  born.descriptors = fds;
  born.descriptor_count = count;
  born.move = 0;
  born.step = 0;
  int copy[MOST];
  memcpy(copy, fds, count * sizeof *fds);
  if (!o->cgroup) pid = make(-1);
  else {
    step = "cgroup";
    word cgroup = call4(OPENAT, -100, o->cgroup, 0200000 | CLOEXEC, 0);
    pid = cgroup;
    if (cgroup >= 0) {
      pid = make(cgroup);
      call1(CLOSE, cgroup);
      if (pid == -E_AGAIN || pid == -E_NOMEM) step = "fork"; /* no process to be had, anywhere */
      if (pid == -E_INVAL || pid == -E_TOOBIG || pid == -E_NOSYS || pid == -E_PERM) {
        step = "fork";
        born.move = o->cgroup;
        pid = make(-1);
      }
    }
  }
  link = kept;
  if (pid < 0) answer(o->token, 0, step, -pid);
  else if (born.step) answer(o->token, pid, born.step, born.number);
  else answer(o->token, pid, "", 0);
  for (word n = 0; n < count; n++) call1(CLOSE, copy[n]);
}

/* -- the program */

static byte packet[PACKET], small[SMALL];

static void serve(void) {
  static struct { word size; int level, type, fds[MOST + 1]; } control;
  struct { void *base; word size; } vector = {packet, sizeof packet};
  struct { void *name; word name_size; void *vector; word count; void *control; word size, flags; }
      message = {0, 0, &vector, 1, &control, sizeof control, 0};
  word got;
  control.size = 0;
  do {
    message.size = sizeof control;
    got = call3(RECVMSG, link, &message, 0x40000000);
  } while (got == -E_INTR);
  if (got <= 0) call1(EXIT_GROUP, 0);
  word count = message.size >= 16 && control.size >= 16 ? (control.size - 16) / 4 : 0;
  byte *memory = 0;
  word size = got, whole = 0;
  room = small;
  room_end = small + sizeof small;
  at = packet;
  if (got == 1 && packet[0] == 'M' && count) {
    word fd = control.fds[--count], stat[18];
    if (call2(FSTAT, fd, stat) < 0) broken();
    size = stat[6];
    whole = 7 * size + 65536;
    memory = (byte *)call(MMAP, 0, whole, 3, 0x22, -1, 0);
    if ((unsigned long)memory > -4096UL) broken();
    for (word done = 0; done < size;) {
      word part = call4(PREAD, fd, memory + done, size - done, done);
      if (part <= 0) broken();
      done += part;
    }
    call1(CLOSE, fd);
    at = memory;
    room = memory + ((size + 7) & ~7L);
    room_end = memory + whole;
  }
  end = at + size;
  struct order order;
  read_order(&order);
  carry_out(&order, control.fds, count);
  if (memory) call2(MUNMAP, memory, whole);
}

__attribute__((noreturn, used)) static void begin(word *given) {
  char **argv = (char **)(given + 1);
  if (given[0] < 2) call1(EXIT_GROUP, 2);
  for (char *digit = argv[1]; *digit; digit++) link = link * 10 + *digit - '0';
  call3(FCNTL, link, 2, 1); /* close-on-exec: its end, at the other side, says that nobody is left */
  struct { void *handler; word flags; void *restorer; word mask; } standard = {0, 0, 0, 0};
  for (word number = 1; number < 65; number++) call4(RT_SIGACTION, number, &standard, 0, 8);
  word none = 0;
  call4(RT_SIGPROCMASK, 2, &none, 0, 8);
  for (;;) serve();
}
__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall begin\n");

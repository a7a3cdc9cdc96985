/* Asks a control socket for something at a fixed rate, whatever comes of it, and reads what followers
   of its events are sent, in a process of its own that costs little: load.py says what for.

   argv: path of the socket, target, requests a second, connections that ask, followers. Each of the
   first has one request under way at most; one that is due while none is free waits for the next
   that is, and its time runs from the moment at which it was due. "ready" is said when every
   follower has been answered. When the standard input ends: what was offered and answered, in how
   many seconds, then median, 99th percentile and longest time of an answer in milliseconds, and how
   many bytes the followers were sent. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 8192, ASKERS = 256, END, TIMER, ROUND = 64, PAUSE = 10 /* ms */ };
enum { STEP = 10000 /* ns */, STEPS = 200000 };

struct asker {
  int fd, size;         /* of the answer, as long as its head is not whole */
  long left;            /* bytes of its body that are still to come; -1: not known yet */
  int64_t due;          /* when its request was due */
  char head[HEAD + 1];
};

static struct asker askers[ASKERS];
static int idle[ASKERS], free_ones;
static unsigned times[STEPS + 1]; /* answers, by how many steps (ns) they took */
static int64_t longest;
static char request[1024], waste[1 << 18];
static int size; /* of the request */
static int64_t begun, period, due, sent, answered, bytes;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int reach(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
  return fd;
}

static void put(int fd, const char *text, int size) {
  if (send(fd, text, size, MSG_NOSIGNAL) != size) fail("send");
}

static void attend(int poll, int fd, uint64_t what) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

/* What is due goes to whoever is free. */
static void ask(void) {
  while (sent < due && free_ones) {
    struct asker *one = &askers[idle[--free_ones]];
    one->due = begun + ++sent * period;
    one->size = 0, one->left = -1;
    put(one->fd, request, size);
  }
}

static void over(struct asker *one) {
  int64_t took = now() - one->due;
  times[took / STEP < STEPS ? took / STEP : STEPS]++;
  if (took > longest) longest = took;
  answered++;
  idle[free_ones++] = one - askers;
}

static void hear(struct asker *one) {
  char *into = one->left < 0 ? one->head + one->size : waste;
  long room = one->left < 0 ? HEAD - one->size : (long)sizeof waste;
  long count = read(one->fd, into, room);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) fail("an answer");
  if (one->left < 0) {
    one->head[one->size += count] = 0;
    char *end = strstr(one->head, "\r\n\r\n"), *length = strcasestr(one->head, "\r\ncontent-length:");
    if (!end && one->size < HEAD) return;
    int good = end && length && length < end && !strncmp(one->head, "HTTP/1.1 200", 12);
    if (!good) errno = EPROTO, fail("an answer's head");
    one->left = end + 4 - one->head + atol(length + 17) - one->size;
  } else
    one->left -= count;
  if (!one->left) over(one);
}

/* One read of each that was sent something. */
static void drain(int poll) {
  static struct epoll_event events[1024];
  int count = epoll_wait(poll, events, 1024, 0);
  for (int i = 0; i < count; i++) {
    long got = read((int)events[i].data.u64, waste, sizeof waste);
    if (got <= 0) fail("a follower");
    bytes += got;
  }
}

static double portion(double part) {
  int64_t wanted = part * answered, seen = 0;
  for (int i = 0; i <= STEPS; i++)
    if ((seen += times[i]) > wanted) return (i + 1) * (double)STEP / 1e6;
  return 0;
}

static void report(void) {
  printf("%lld %lld %.6f %.3f %.3f %.3f %lld\n", (long long)due, (long long)answered,
         (now() - begun) / 1e9, portion(0.5), portion(0.99), longest / 1e6, (long long)bytes);
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  long rate = atol(argv[3]), asking = atol(argv[4]), followers = atol(argv[5]);
  if (asking > ASKERS) return 2;
  int poll = epoll_create1(EPOLL_CLOEXEC), aside = epoll_create1(EPOLL_CLOEXEC);
  static const char follow[] = "GET /v1/events?follow=1 HTTP/1.1\r\nHost: stoker\r\n\r\n";
  for (long i = 0; i < followers; i++) {
    int fd = reach(argv[1]);
    put(fd, follow, sizeof follow - 1);
    if (read(fd, waste, sizeof waste) <= 0) fail("a follower's answer");
    attend(aside, fd, fd);
  }
  size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: stoker\r\n\r\n", argv[2]);
  for (long i = 0; i < asking; i++) {
    askers[i].fd = reach(argv[1]);
    attend(poll, askers[i].fd, i);
    idle[free_ones++] = i;
  }
  attend(poll, STDIN_FILENO, END);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  attend(poll, timer, TIMER);
  period = rate ? 1000000000 / rate : 0;
  struct itimerspec every = {{period / 1000000000, period % 1000000000}};
  every.it_value = every.it_interval; /* none: it never comes */
  begun = now();
  if (timerfd_settime(timer, 0, &every, NULL)) fail("timerfd_settime");
  puts("ready");
  fflush(stdout);
  for (int64_t drained = 0;;) {
    struct epoll_event events[ROUND];
    int count = epoll_wait(poll, events, ROUND, PAUSE);
    for (int i = 0; i < count; i++) {
      uint64_t what = events[i].data.u64, times_due = 0;
      if (what == END) {
        report();
        return 0;
      }
      if (what < ASKERS) hear(&askers[what]);
      else if (read(timer, &times_due, sizeof times_due) > 0) due += times_due;
    }
    ask();
    if (now() - drained >= PAUSE * 1000000LL) {
      drain(aside);
      drained = now();
    }
  }
}

/* The inner loop of the load of guesses: what generator.Guesses does in Python, several times as fast.
 *
 * A generator that costs more than the server is what limits the rate; it then also leaves the server waiting, and
 * waking up for few guesses at a time makes each of them look more expensive. hot_loop.py compiles this and hands it
 * connections that play already. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { EVENTS = 1024, OCTETS = 4096 };
enum { SILENT = -1, BROKEN = -2, WRONG = -3 };

/* A connection that repeats its guesses; hot_loop.py declares the same. */
struct lane {
    const char *batch, *expected;
    int64_t batch_octets, expected_octets;
    int64_t got_octets; /* of the expected replies, so far */
    int64_t sent_ns;
};

static int64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Drive the lanes, which are found by their descriptor, for a while. Returns how many batches were answered, the first
 * `room` of them with their latency, or one of the mistakes above. */
int64_t drive(int epoll, struct lane *lanes, int64_t until_ns, int patience_ms, int64_t *latencies_ns, int64_t room) {
    struct epoll_event events[EVENTS];
    char data[OCTETS];
    int64_t done = 0;
    while (clock_ns() < until_ns) {
        int ready = epoll_wait(epoll, events, EVENTS, patience_ms);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return SILENT;
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            struct lane *lane = &lanes[fd];
            ssize_t octets = recv(fd, data, sizeof data, 0);
            if (octets <= 0) return BROKEN;
            if (octets > lane->expected_octets - lane->got_octets) return WRONG;
            if (memcmp(data, lane->expected + lane->got_octets, octets)) return WRONG;
            lane->got_octets += octets;
            if (lane->got_octets < lane->expected_octets) continue;
            int64_t now_ns = clock_ns();
            if (done < room) latencies_ns[done] = now_ns - lane->sent_ns;
            done++;
            lane->got_octets = 0;
            lane->sent_ns = now_ns;
            if (send(fd, lane->batch, lane->batch_octets, MSG_NOSIGNAL) != lane->batch_octets) return BROKEN;
        }
    }
    return done;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest: sockets to the host.
 *
 *	vsockpeer serve STREAM_PORT SEQPACKET_PORT	echo to whoever connects
 *	vsockpeer talk stream|seqpacket PORT BYTES	be echoed by the host, and compare
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM	(256 << 10)	/* bytes of a message at most */
#define CHUNK	16000		/* what is written at a time */

static char buffer[ROOM];

static int die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void echo(int fd, int type)
{
	struct iovec iov = { .iov_base = buffer, .iov_len = sizeof(buffer) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n, done, sent;

	while ((n = recvmsg(fd, &msg, 0)) > 0) {
		for (done = 0; done < n; done += sent) {
			sent = send(fd, buffer + done, n - done,
				    type == SOCK_SEQPACKET ? msg.msg_flags & MSG_EOR : 0);
			if (sent < 0)
				exit(1);
		}
	}
	exit(0);
}

static int listen_on(int type, unsigned int port)
{
	struct sockaddr_vm a = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port,
	};
	int fd = socket(AF_VSOCK, type, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 128))
		die("listen");
	return fd;
}

/* A process for each listening socket, and one for each connection. */
static void serve(int type, unsigned int port)
{
	int listener = listen_on(type, port), fd;

	signal(SIGCHLD, SIG_IGN);
	if (fork())
		return;
	while ((fd = accept(listener, NULL, NULL)) >= 0 || errno == EINTR) {
		if (fd >= 0 && !fork())
			echo(fd, type);
		close(fd);
	}
	die("accept");
}

static void fill(char *data, size_t len, uint32_t x)
{
	size_t i;

	for (i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = x >> 24;
	}
}

/* In order, what was sent in CHUNKs of all lengths. */
static size_t piece(size_t at, size_t bytes)
{
	size_t len = 1 + at * 31 % CHUNK;

	return len < bytes - at ? len : bytes - at;
}

static int talk(int type, unsigned int port, size_t bytes)
{
	struct sockaddr_vm a = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port,
	};
	int fd = socket(AF_VSOCK, type, 0), status;
	static char want[CHUNK];
	size_t at, len, have;
	ssize_t n;
	pid_t pid;

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		die("connect");
	pid = fork();
	if (!pid) {
		for (at = 0; at < bytes; at += len) {
			len = piece(at, bytes);
			fill(want, len, at);
			for (have = 0; have < len; have += n) {
				n = send(fd, want + have, len - have, 0);
				if (n < 0)
					die("send");
			}
		}
		exit(0);
	}
	for (at = 0; at < bytes; at += len) {
		len = piece(at, bytes);
		fill(want, len, at);
		for (have = 0; have < len; have += n) {
			/* A message comes whole; of a stream no more than is compared. */
			n = recv(fd, buffer + have, type == SOCK_STREAM ? len - have : ROOM, 0);
			if (n <= 0)
				die("recv");
			if (type == SOCK_SEQPACKET && (size_t)n != len)
				die("length of a message");
		}
		if (memcmp(buffer, want, len))
			die("data differ");
	}
	if (waitpid(pid, &status, 0) != pid || status)
		die("the sender");
	printf("%zu bytes equal\n", at);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "serve")) {
		serve(SOCK_STREAM, atoi(argv[2]));
		serve(SOCK_SEQPACKET, atoi(argv[3]));
		return 0;
	}
	if (argc == 5 && !strcmp(argv[1], "talk"))
		return talk(strcmp(argv[2], "stream") ? SOCK_SEQPACKET : SOCK_STREAM,
			    atoi(argv[3]), atol(argv[4]));
	fprintf(stderr, "Usage: vsockpeer serve STREAM_PORT SEQPACKET_PORT\n"
		"       vsockpeer talk stream|seqpacket PORT BYTES\n");
	return 2;
}

#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[?25h\033[?1049l"

static struct termios before;
static atomic_bool is_open, wants_end, wants_stop; // also set by signals

static void say(const char *text)
{
	const ssize_t written = write(STDOUT_FILENO, text, strlen(text));

	(void)written; // a terminal that is gone needs nothing
}

// Only what a signal handler may call.
void mr_terminal_close(void)
{
	if (!is_open)
		return;
	is_open = false;
	say(LEAVE);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void on_end(int signal)
{
	(void)signal;
	wants_end = true;
}

static void on_stop(int signal)
{
	(void)signal;
	wants_stop = true;
}

static void on_resize(int signal)
{
	(void)signal; // the interrupted poll is all that is needed
}

static void on_crash(int signal)
{
	mr_terminal_close();
	raise(signal); // by its default now
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	sigaction(signal, &action, NULL);
}

static int enter(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return -errno;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return -errno;
	is_open = true;
	say(ENTER);
	return 0;
}

int mr_terminal_open(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT},
			 crashes[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE};

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		handle(ends[i], on_end, 0);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		handle(crashes[i], on_crash, (int)SA_RESETHAND);
	handle(SIGTSTP, on_stop, 0);
	handle(SIGWINCH, on_resize, 0);
	return enter();
}

// As if the shell had stopped any program: its screen comes back, and ours on the return.
static void stop(void)
{
	wants_stop = false;
	mr_terminal_close();
	raise(SIGSTOP);
	enter();
}

// Arrows come as ESC [ A, at once; what is no arrow is left.
static int read_arrow(void)
{
	char rest[2] = {0};

	if (read(STDIN_FILENO, &rest[0], 1) == 1 && rest[0] == '['
		&& read(STDIN_FILENO, &rest[1], 1) == 1) {
		if (rest[1] == 'A' || rest[1] == 'B')
			return rest[1] == 'A' ? MR_KEY_UP : MR_KEY_DOWN;
	}
	return MR_KEY_NONE;
}

static int read_key(void)
{
	unsigned char byte;
	const ssize_t length = read(STDIN_FILENO, &byte, 1);

	if (length < 0 && errno == EINTR)
		return MR_KEY_NONE;
	if (length <= 0)
		return MR_KEY_END;
	return byte == '\033' ? read_arrow() : byte;
}

int mr_terminal_key(int timeout_ms)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	const int r = wants_end || wants_stop ? 0 : poll(&in, 1, timeout_ms);

	if (wants_stop)
		stop();
	if (wants_end)
		return MR_KEY_END;
	return r > 0 ? read_key() : MR_KEY_NONE;
}

void mr_terminal_size(uint32_t *ret_width, uint32_t *ret_height)
{
	struct winsize size = {0};

	*ret_width = 80;
	*ret_height = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
		return;
	*ret_width = size.ws_col;
	*ret_height = size.ws_row;
}

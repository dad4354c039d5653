// The link to the router, which may go away and come back: a memif client asks for its server
// again, and for the router's address, which may be another one then.
#include "sender.h"

#define LOOK_NS  UINT64_C(20000000)
#define ASK_NS   UINT64_C(200000000)
#define RETRY_NS UINT64_C(100000000) // nobody listens
// Somebody listens. A server that is still starting refuses, which we are not told; one that has
// had no time yet must not find us gone: it may die of that (DPDK 22.11).
#define PATIENCE_NS UINT64_C(1000000000)

static bool link_is_up(const struct mr_sender *sender)
{
	struct mr_nic_info info;
	mr_nic_info(sender->nic, &info);
	return info.link_up;
}

static void ask_router(struct mr_sender *sender, uint64_t now_ns)
{
	if (sender->resolved || now_ns < sender->ask_ns)
		return;
	sender->ask_ns = now_ns + ASK_NS;
	mr_sender_ask_router(sender);
}

void mr_sender_keep_link(struct mr_sender *sender, uint64_t now_ns)
{
	if (now_ns < sender->look_ns)
		return;
	sender->look_ns = now_ns + LOOK_NS;
	if (link_is_up(sender)) {
		sender->linked = true;
		ask_router(sender, now_ns);
		return;
	}
	if (sender->linked) {
		sender->linked = false;
		sender->resolved = false;
		sender->counts.links_lost++;
	}
	if (now_ns >= sender->reconnect_ns) {
		sender->ask_ns = now_ns;
		int r = mr_nic_reconnect(sender->nic); // again and again until the link is up
		sender->reconnect_ns = now_ns + (r == 0 ? PATIENCE_NS : RETRY_NS);
	}
}

// Who asks: the peer's user on the socket, a token over TCP; and whether a browser was led here by
// somebody else's page.
#pragma once

#include "request.h"

// Of the peer of a UNIX socket: root and the daemon's own user are admin, members of the group
// `operate_group` (empty: nobody) are operate, everybody else is view.
void mr_access_peer(int fd, const char *operate_group, struct mr_caller *ret_caller);
// Of the request's Authorization; MR_ROLE_NOBODY when there is none, or none that is known.
void mr_access_token(struct mr_request *request);
// False after answering: the Host is none of this daemon, or the page that asks is of another one.
bool mr_access_host(struct mr_request *request);

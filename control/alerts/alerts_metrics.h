// What alarms and their notifier add to the exposition.
#pragma once

#include <stdio.h>

#include "metrics.h"
#include "notifier.h"

void mr_alerts_metrics(FILE *out, const struct mr_alerts *alerts);
void mr_notifier_metrics(FILE *out, struct mr_notifier *notifier);

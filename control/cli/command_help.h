// Texts made of the table of commands.
#pragma once

#include <stdio.h>

#include "command.h"

void mr_help_all(FILE *out); // millrace --help
void mr_help_command(FILE *out, const struct mr_command *command);
void mr_help_synopsis(FILE *out, const struct mr_command *command); // "ban KIND ID [option...]"
void mr_help_option(FILE *out, int option); // "--ttl TIME", "-o, --output text|json|prom"
void mr_help_completion(FILE *out, const char *shell); // "bash", "zsh", "fish"
void mr_help_man(FILE *out); // millrace.1.scd
void mr_help_page(FILE *out); // docs/CLI.md

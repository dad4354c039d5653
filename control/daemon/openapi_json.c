// Build tool: openapi.yaml as JSON, and that as C.
// usage: openapi-json FILE.yaml; openapi-json --embed FILE.json
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_json(const char *path)
{
	struct fy_document *document = fy_document_build_from_file(NULL, path);
	char *text =
		document ? fy_emit_document_to_string(document, FYECF_MODE_JSON_ONELINE) : NULL;

	if (text)
		fputs(text, stdout);
	free(text);
	fy_document_destroy(document);
	return text ? 0 : 1;
}

static int print_source(const char *path)
{
	FILE *file = fopen(path, "re");
	int byte;
	int column = 0;

	if (!file)
		return 1;
	fputs("#include \"openapi.h\"\n\nconst char mr_openapi_text[] = {", stdout);
	while ((byte = fgetc(file)) != EOF)
		printf("%s%d,", column++ % 24 == 0 ? "\n\t" : "", byte);
	fputs("\n};\nconst size_t mr_openapi_length = sizeof(mr_openapi_text);\n", stdout);
	fclose(file);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--embed") == 0)
		return print_source(argv[2]);
	if (argc == 2)
		return print_json(argv[1]);
	fputs("usage: openapi-json FILE.yaml | openapi-json --embed FILE.json\n", stderr);
	return 2;
}

#include "store_schema.h"

const char *const mr_store_steps[] = {
	"CREATE TABLE audit ("
	" number INTEGER PRIMARY KEY AUTOINCREMENT,"
	" at_ns INTEGER NOT NULL,"
	" who TEXT NOT NULL,"
	" via TEXT NOT NULL,"
	" act TEXT NOT NULL,"
	" scope TEXT NOT NULL,"
	" before TEXT," // JSON
	" after TEXT,"
	" result TEXT NOT NULL"
	") STRICT;"
	// Acts of the router that were looked at, per boot.
	"CREATE TABLE adopted ("
	" boot_id INTEGER PRIMARY KEY,"
	" number INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE tokens ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE,"
	" role INTEGER NOT NULL,"
	" app INTEGER NOT NULL,"
	" user INTEGER NOT NULL,"
	" workspace INTEGER NOT NULL,"
	" sha256 BLOB NOT NULL UNIQUE,"
	" created_at_ns INTEGER NOT NULL,"
	" created_by TEXT NOT NULL"
	") STRICT;"
	// Answers of POSTs by Idempotency-Key.
	"CREATE TABLE answers ("
	" who TEXT NOT NULL,"
	" key TEXT NOT NULL,"
	" at_ns INTEGER NOT NULL,"
	" request BLOB NOT NULL," // SHA-256 of path, query and body
	" status INTEGER NOT NULL," // 0: under way
	" content_type TEXT,"
	" body BLOB,"
	" PRIMARY KEY (who, key)"
	") STRICT;"
	"CREATE INDEX answers_at ON answers (at_ns);",
};
const int mr_store_steps_count = sizeof(mr_store_steps) / sizeof(mr_store_steps[0]);

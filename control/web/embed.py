"""Makes a C array of a compressed file: embed.py SYMBOL INPUT OUTPUT. The same input gives the same bytes."""
import gzip
import sys

symbol, source, target = sys.argv[1:]
with open(source, "rb") as file:
    data = gzip.compress(file.read(), 9, mtime=0)
with open(target, "w", encoding="ascii") as file:
    file.write('#include "web_files.h"\n\n')
    file.write(f"const struct mr_web_bytes {symbol} = {{\n\t.length = {len(data)},\n\t.bytes = (const uint8_t[]){{\n")
    for at in range(0, len(data), 24):
        file.write("\t\t" + ", ".join(str(byte) for byte in data[at:at + 24]) + ",\n")
    file.write("\t},\n};\n")

/*
 * The stream buffer (dataplane/base/stream.h): one writer comes round while a reader copies.
 * Claim: a copy that the reader keeps is the record that was written there, whole.
 *
 * The writer's stores become visible later and in another order, as C11 allows: one to the same
 * place never overtakes another, and a store with release waits for all that were made before it.
 * The reader's loads with acquire happen in the order of the program.
 *
 * A word holds its offset + 1; 0 was never written. Plants, each of which must be found:
 *   PLANT_RESERVED   words are stored relaxed: they overtake `reserved`
 *   PLANT_TAIL       `tail` is stored relaxed: it overtakes the words
 *   PLANT_LOAD       the reader loads `reserved` before the words, not after
 *   PLANT_ACCEPTS    claims that no copy is ever kept: finding it shows that the claim is not empty
 */
#define SIZE 4 /* words of the buffer */
#define RECORD 2 /* words */
#define RECORDS 5
#define END (RECORDS * RECORD)
#define PENDING 7 /* stores that are not visible yet */

#define RESERVED SIZE
#define TAIL (SIZE + 1)

#ifdef PLANT_RESERVED
#define WORD_RELEASES false
#else
#define WORD_RELEASES true
#endif
#ifdef PLANT_TAIL
#define TAIL_RELEASES false
#else
#define TAIL_RELEASES true
#endif

typedef store {
	byte place;
	byte value;
	bool releases
}

byte memory[SIZE + 2]; /* what the reader sees */
store pending[PENDING]; /* oldest first */
byte pending_count = 0;

inline put(where, what, with_release)
{
	atomic {
		pending_count < PENDING;
		pending[pending_count].place = where;
		pending[pending_count].value = what;
		pending[pending_count].releases = with_release;
		pending_count++
	}
}

/* May the store `which` become visible now? */
inline judge(which)
{
	may = !(pending[which].releases && which > 0);
	i = 0;
	do
	:: i < which ->
		may = may && pending[i].place != pending[which].place;
		i++
	:: else -> break
	od
}

inline make_visible(which)
{
	memory[pending[which].place] = pending[which].value;
	i = which;
	do
	:: i + 1 < pending_count ->
		pending[i].place = pending[i + 1].place;
		pending[i].value = pending[i + 1].value;
		pending[i].releases = pending[i + 1].releases;
		i++
	:: else -> break
	od;
	pending_count--;
	pending[pending_count].place = 0;
	pending[pending_count].value = 0;
	pending[pending_count].releases = false
}

active proctype visibility()
{
	byte which, i;
	bool may;

end:	do
	:: atomic {
		pending_count > 0;
		which = 0;
		do /* any of them */
		:: which + 1 < pending_count -> which++
		:: break
		od;
		judge(which);
		if
		:: may -> make_visible(which)
		:: else
		fi;
		which = 0;
		i = 0;
		may = false
	}
	od
}

active proctype writer()
{
	byte at = 0;
	byte word;

	do
	:: at < END ->
		put(RESERVED, at + RECORD, false);
		word = 0;
		do
		:: word < RECORD ->
			put((at + word) % SIZE, at + word + 1, WORD_RELEASES);
			word++
		:: else -> break
		od;
		at = at + RECORD;
		put(TAIL, at, TAIL_RELEASES)
	:: else -> break
	od
}

active proctype reader()
{
	byte offset = 0;
	byte tail, reserved, first, second;

	do /* any record */
	:: offset + RECORD < END -> offset = offset + RECORD
	:: break
	od;
	tail = memory[TAIL];
	if
	:: offset + RECORD > tail -> goto done /* not written yet */
	:: else
	fi;
	reserved = memory[RESERVED];
	if
	:: reserved > offset + SIZE -> goto done /* overwritten */
	:: else
	fi;
#ifdef PLANT_LOAD
	reserved = memory[RESERVED];
#endif
	first = memory[offset % SIZE];
	second = memory[(offset + 1) % SIZE];
#ifndef PLANT_LOAD
	reserved = memory[RESERVED];
#endif
	if
	:: reserved > offset + SIZE -> goto done /* the writer came round */
	:: else
	fi;
	assert(first == offset + 1 && second == offset + 2);
#ifdef PLANT_ACCEPTS
	assert(false);
#endif
done:	skip
}

/*
 * One flow of one session (docs/WIRE.md): packets and ACKs are lost and overtaken, packets doubled,
 * the producer sends again, and the router restarts with what was durable. Claims:
 *   - what the producer was told to be accepted is durable, before and after a restart;
 *   - what it was told to be refused is nowhere;
 *   - no sequence stands in the stream twice;
 *   - the edge never moves back within a boot, and no packet that honours it is beyond it.
 *
 * Packets that come ahead of their turn are dropped here: a reorder list only makes fewer of them.
 * Packets outlive a restart, ACKs do not: they would have to be on their way for longer than a
 * start and a handshake take. PLANT_LATE shows what they would do.
 * Plants, each of which must be found:
 *   PLANT_EARLY      settles what is accepted, not what is durable
 *   PLANT_FORGET     a restart goes on at the producer's `known`, whatever the journal holds
 *   PLANT_KNOWN      a restart goes on behind the journal, whatever the producer knows
 *   PLANT_RETRACT    the edge follows the room in the buffer, back as well
 *   PLANT_LATE       an ACK outlives a restart: it may refuse what has been accepted since
 *   PLANT_REACH      claims that the producer never gets through: shows that the claims are not
 *                    empty
 */
#define SEQUENCES 3 /* 0 .. SEQUENCES - 1 */
#define WINDOW 2
#define RESTARTS 1
#define NET 2 /* packets, and ACKs, under way; pick() is made for two */

/* Verdicts, of the router and as the producer knows them. */
#define NONE 0
#define ACCEPTED 1
#define REFUSED 2

#define NO_BOOT 255

/* Both are sets: kept in order, taken out in any.
 * sequence, known; of which boot the edge was that allowed it */
chan packets = [NET] of { byte, byte, byte };
/* settled, edge, refused sequences as bits */
chan acks = [NET] of { byte, byte, byte };

/* The router. */
byte boot = 0;
byte next = 0;
byte settled = 0;
byte known = 0;
byte edge = 0;
byte durable = 0; /* end of what is durable */
byte verdicts[SEQUENCES];
byte records[SEQUENCES]; /* in the stream */

/* The producer. */
byte sent = 0; /* end of what was sent at least once */
byte told = 0; /* its `settled` and `known` */
byte limit = 0; /* its edge */
byte answers[SEQUENCES];

/* Any message of the channel. */
inline pick(channel, a, b, c)
{
	nempty(channel);
	if
	:: true
	:: len(channel) > 1 -> channel?a, b, c; channel!a, b, c
	fi;
	channel?a, b, c
}

inline post(channel, a, b, c)
{
	if
	:: channel??[eval(a), eval(b), eval(c)] /* one of its kind is enough */
	:: else -> channel!!a, b, c
	fi
}

/* What the producer was told, held against what is there. Nothing below `durable` can be lost. */
inline check_answers()
{
	d_step {
		i = 0;
		do
		:: i < SEQUENCES ->
			assert(records[i] <= 1);
			assert(answers[i] != ACCEPTED || (records[i] == 1 && i < durable));
			assert(answers[i] != REFUSED || records[i] == 0);
			i++
		:: else -> break
		od;
		i = 0
	}
}

active proctype producer()
{
	byte which, ack_settled, ack_edge, ack_refused, i;

end:	do
	:: atomic { /* a new sequence, or any of those it keeps once more */
		nfull(packets) && told < SEQUENCES;
		which = told;
		do
		:: which < sent && which + 1 < SEQUENCES -> which++
		:: break
		od;
		if
		:: which < limit ->
			post(packets, which, told, boot);
			sent = (which == sent -> sent + 1 : sent)
		:: which >= limit && which == told && sent == told ->
			post(packets, which, told, NO_BOOT) /* asks where the edge is */
		:: else
		fi;
		which = 0
	}
	:: atomic {
		pick(acks, ack_settled, ack_edge, ack_refused);
		if
		:: true /* lost */
		:: ack_settled >= told ->
			do
			:: told < ack_settled ->
				answers[told] =
					((ack_refused >> told) & 1 -> REFUSED : ACCEPTED);
				told++
			:: else -> break
			od;
			limit = (limit < ack_edge -> ack_edge : limit);
			sent = (sent < told -> told : sent);
			check_answers()
		:: else /* an old one */
		fi;
#ifdef PLANT_REACH
		assert(told < SEQUENCES);
#endif
		ack_settled = 0;
		ack_edge = 0;
		ack_refused = 0
	}
	od
}

/* `which` comes, sent by a producer that knew everything below `its_known`. */
inline admit()
{
	if
	:: its_known > known -> known = (its_known < settled -> its_known : settled)
	:: else
	fi;
	top = (edge < known + WINDOW -> edge : known + WINDOW);
	top = (top < next -> next : top);
	if
	:: which >= top ->
#ifndef PLANT_LATE
		assert(its_boot != boot) /* an edge was honoured in vain */
#else
		skip
#endif
	:: which == next && which < top ->
		if
		:: verdicts[next] = ACCEPTED;
			records[next]++
		:: verdicts[next] = REFUSED
		fi;
		next++
	:: else /* behind or ahead */
	fi
}

/* Settled is what is durable or refused, in order. */
inline settle()
{
	do
	:: settled < next && (verdicts[settled] == REFUSED || settled < durable) -> settled++
#ifdef PLANT_EARLY
	:: settled < next -> settled++
#endif
	:: else -> break
	od
}

/* The process is gone: what was not durable is, too. The producer says HELLO. */
inline restart()
{
	i = 0;
	do
	:: i < SEQUENCES ->
		if
		:: records[i] > 0 && i < durable -> last = i + 1
		:: records[i] > 0 && i >= durable -> records[i] = 0
		:: else
		fi;
		i++
	:: else -> break
	od;
	next = (last < told -> told : last);
#ifdef PLANT_FORGET
	next = told;
#endif
#ifdef PLANT_KNOWN
	next = last;
#endif
	i = 0;
	do /* what the journal does not hold below `next` was refused */
	:: i < SEQUENCES ->
		verdicts[i] = (i >= next -> NONE : (records[i] > 0 -> ACCEPTED : REFUSED));
		i++
	:: else -> break
	od;
	durable = next;
	settled = next;
	known = (told < next -> told : next);
	edge = next;
	boot++;
	limit = edge; /* WELCOME */
#ifndef PLANT_LATE
	do
	:: acks?_, _, _
	:: empty(acks) -> break
	od;
#endif
	sent = (sent < told -> told : sent);
	last = 0;
	i = 0
}

active proctype router()
{
	byte which, its_known, its_boot, top, refused, i, last;

end:	do
	:: atomic {
		pick(packets, which, its_known, its_boot);
		if
		:: true
		:: packets!!which, its_known, its_boot /* it comes once more */
		fi;
		if
		:: admit(); check_answers()
		:: true /* lost */
		fi;
		which = 0;
		its_known = 0;
		its_boot = 0;
		top = 0
	}
	:: atomic { /* a commit ends */
		durable < next;
		do
		:: durable + 1 < next -> durable++
		:: durable++ -> break
		od
	}
#ifdef PLANT_RETRACT
	:: atomic {
		edge > next;
		edge--
	}
#endif
	:: atomic { /* the walk, credit as the buffer has it, and an ACK */
		nfull(acks);
		settle();
		do
		:: edge < settled + WINDOW -> edge++
		:: break
		od;
		i = known; /* refusals below are forgotten */
		do
		:: i < settled ->
			refused = refused | ((verdicts[i] == REFUSED -> 1 : 0) << i);
			i++
		:: else -> break
		od;
		post(acks, settled, edge, refused);
		refused = 0;
		i = 0
	}
	:: atomic {
		boot < RESTARTS;
		restart();
		check_answers()
	}
	od
}

// Package watch follows a city's record from outside, for a newspaper, an NGO or a court that trusts nobody: not the hub, not the
// guardians, not the network.
//
// `tribune mirror` keeps a Copy: every leaf proven against a checkpoint that the guardians of the operator's own trust file have
// co-signed, before it is stored; it serves what it has verified, and nothing else. `tribune watch` keeps a Copy, too, and reads it:
// a Watcher makes rounds, compares what hub, guardians and others (gossip) show, replays what of each decision can be replayed from
// public data, and writes an incident for whatever does not fit. docs/watch.md says what is found, how, and what cannot be.
//
// What it promises:
//
//   - No checkpoint is followed that lacks the quorum of the trust file, and no byte is stored or served that is not under one.
//   - An incident is never lost and never repeated: it is on disk before anybody is told, once for each thing that happened; what has
//     ended is marked, not deleted. Each carries evidence, which Trust and Check verify offline; where a part of it is only the watcher's
//     word, it says so.
//   - Whatever is told to it costs bounded memory and time: answers, files, queues and incidents are bounded, and so is what it
//     remembers of each leaf (some 40 bytes a tag).
//
// It asks a hub nothing that any visitor could not ask, and needs no key.
package watch

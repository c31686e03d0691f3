// Package admin is a member's window for operators: what a status is, and a small HTTP API that shows it and takes orders.
//
//	gendac status      --GET  /v1/status-------------------->  Server --Backend--> node
//	gendac switchover  --POST /v1/groups/{group}/switchover->
//	gendac group       --/v1/raft/...----------------------->          its groups (genleader)
//	gendac dict        --/v1/dict/...----------------------->          its Dict (gdict)
//
// The paths of the dictionary: entry (GET, PUT, DELETE) for one key; entries (GET lists, POST stores many, DELETE erases a
// prefix); watch and export (GET). Keys travel in the query, a value as the body of PUT, and all bytes within JSON in
// base64. Lists and watches are streams of JSON lines, of which the last says how it ended; an export is a backup file. The
// keys of the cluster itself (ReservedKeys) can be read and not be written.
//
// The paths of the groups that elect a leader, as the cluster's own does: groups and group (GET) describe them, transfer
// (POST) makes a member lead one. What a Status calls groups are those of the spec, which say what runs where.
//
// Every other answer is JSON. A refusal is {"error": one line for people, "code": one word for programs} with an HTTP status
// from the table in errors.go; the Client turns the code back into the sentinel error, so errors.Is works across the
// wire. JSON names are stable: fields are added, never renamed.
//
// The API has no passwords and no encryption. It listens on a loopback address or on a Unix socket, and nowhere else. On
// loopback, every process of the machine may give orders; a request must name a loopback host or a configured one (Hosts),
// and one that changes something must not come from a page of another site, so that no browser gives orders for a web site. A
// Unix socket is for the user of the member and root, and for a group if one is given (SocketGroup): the file's mode says so,
// and on Linux the kernel's word about the peer is checked too.
//
// What callers can make a member hold is bounded: 64 connections, or an eighth of the descriptors that the process may have; 8
// MiB for a body, and 16 MiB for the bodies of all requests under way; 1024 entries in a batch, counted while they are decoded;
// 32 streams. A new connection takes the place of one that has no request under way.
//
// It promises that a nil error from Client.Switchover means the order is committed, not that it has been carried out;
// Status shows how far it got. One from Client.TransferLeadership means that the change was made, and confirmed by a majority.
// A request never waits longer than RequestTimeout, streams excepted: these are bounded in number, and are cut when their
// reader takes nothing for half a minute.
package admin

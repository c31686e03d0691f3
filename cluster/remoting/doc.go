// Package remoting carries envelopes between the named members of one cluster, and says who is linked.
//
// On the wire it is protoactor's remoting protocol: the same gRPC service, the same messages, one stream per direction. Both
// ends of the stream are ours. A reader lets nothing but our one envelope type reach our one shell actor, where
// protoactor's would look up, spawn, stop and panic as a stranger asks; a writer has a bounded queue, never sleeps, and
// tells exactly when its connection ended, where protoactor's retries for seconds and may announce the end of its
// successor. Above them is one link per peer, a small pure state machine in core.go:
//
//	        named      dial accepted        hello that has seen ours        connection lost
//	Down ----------> Dialling ----------> Greeting ------------------> Up ------------------> Checking
//	 ^  <--- refused ---+   <--- silence -----+                        ^  <----- pong ----------+
//	 +-------------------- LinkDown: refused, silent, bye, newer incarnation -------------------+
//
// Dialling is a bare TCP connect; only when that succeeds does a writer exist, so nothing queues for a dead peer. A link is Up at both ends or at neither: each side numbers its
// sessions, a hello carries the sender's number and the number it has seen of the receiver, and a link is Up once a hello
// has seen the current one. A lost connection is re-dialled at once. A refused dial means that nobody listens there any
// more, so death of a process costs milliseconds; an accepted dial followed by a pong means that only a connection died,
// and nobody is told.
//
// Promised: handlers and link events are called one after the other, from one actor. Nothing from a peer is handled
// before its LinkUp, nor after its LinkDown until the next LinkUp. Messages of one Send-ing goroutine to one peer are
// handled in the order sent. Whatever a stranger writes to the port, the process lives and its links stay.
//
// A connection is a stranger's until a link reads from it, and until then it may cost little (porch.go): 64 KiB are read from it,
// on one stream, and it ends after 10 s. The number of such connections is bounded for each address and in all. A hello ends no
// session and takes no name before its sender has shown, by repeating the session of our own hello, that it receives what is sent
// to its address. Only an answer to a hello that went where discovery says that the peer is can be a refusal or the word that
// another process has our name. With TLS, a connection speaks for the members that its certificate names (keyring.go).
//
// Not promised: delivery. A message accepted by Send may be lost, also without a LinkDown when only a connection was
// replaced; requests need deadlines. Nor that a silent peer is noticed quickly: keepalive needs up to 13 s, whoever needs
// less sends heartbeats. Without TLS the network is trusted: who can reach the port and knows a member's incarnation can
// speak in its name.
package remoting

// Package sim proves the whole stack in virtual time: it holds tests only.
//
//	driver (one seed): cut, silence, pause, kill, leave, restart, heal, write, switch over
//	   |
//	members a1, b1, ... each: actor system, genleader.Group, gdict.Dict, controller.Leader and Local, applications
//	   |                                                                                          |
//	simulated network: order per direction, latency, silent cuts                            witness: who acts, when
//
// Every member is assembled as cluster/node does it, without sockets, discovery and the admin API, and all of them live in
// one bubble of testing/synctest. The witness and the applications are the test's own; nothing that is judged is read
// from the code under test except what an application may ask of its app.Context.
//
// Each run promises: at every act nobody else is active and no newer epoch has acted before; an epoch belongs to one
// process, and activations only rise; a successor of a process that was not seen to stop acts only after its lease has
// ended (in fast groups: or its process has); every acknowledged write is in every dictionary, and the dictionaries are
// equal; every command is answered; after the last failure each group has exactly one active, which acts without a gap,
// and a pair has its standby; and everything that was started ends.
//
// A seed fixes what the driver does and when, and the latencies of each direction. It does not fix how the Go scheduler
// interleaves what happens at one instant of virtual time, so repeating a seed repeats the same troubles, and usually,
// but not always, the same run: repeat a failing seed several times (-count). A pause holds back a member's messages,
// its acts and the word that its lease has ended, not its actors; pauses of real processes are tested with real processes
// elsewhere.
//
// While there is trouble, actors are held up between two things that they read, above all the leader's look while somebody
// is silent. A look that reads the clock after the view lets two act in one seed of six.
//
// Members die only while all are well: a group whose majority has lost its memory at once stays without a leader by
// design. Repeat one run with -run TestRandomTroubles -seed N, make more with -seeds N and -first N.
package sim

// Package node assembles one member of a cluster: an actor system with hardened remoting, the members' group with its
// dictionary, the controllers, discovery and the admin API, under one supervisor.
//
//	discovery --addresses--> remoting <--frames--> group (genleader) --> dictionary (gdict)
//	                                                 |                        |
//	                                              members, lease         orders, reports
//	                                                 v                        v
//	                                     leader's controller           local controller --> instances (appctrl, app)
//
// A member whose group or controllers end ends as a whole: its incarnation is over, and whoever runs it starts a new one.
// Done says that, and Err why.
package node

// Package consul discovers members through a Consul agent.
//
// The cluster is one Consul service; every member registers an instance of it with a TTL check, refreshes the check
// three times per TTL and watches the service with blocking queries.
//
//	             +-- heartbeat: refresh the check --- unknown check? register again at once --+
//	Join --> ----+                                                                      +--> Leave: deregister
//	             +-- watch: blocking query --> what is known --> View -------------------+
//
// What a loss of Consul means here, and what it does not:
//
//   - Consul cannot be reached: the view turns Unreachable and keeps the last members. It never means that everybody left.
//   - An answer is incomplete or not Consul's (a token that may not read everything, no leader, a page of something else):
//     the same. What such an answer does list is believed. An answer that does not list this member, which is registered
//     there, removes nobody either.
//   - Consul refuses to register this member or to refresh its check: View.Err says so until it succeeds. Once the answers
//     do not list this member any more, the view is Unreachable.
//   - Consul comes back having forgotten everything: every member registers itself again, within one heartbeat. Until the
//     grace period is over, whoever is missing from Consul's answers stays listed with Health Unknown.
//   - A member's check is critical: it stays listed as Critical. Consul itself removes it after a minute (WithForget);
//     should it wake up later, it finds its check unknown and registers again.
//   - Another live process holds our name: Join fails with a *member.ConflictError. One that takes the name later makes
//     this session go quiet and say so in View.Err, until the name is free again.
//
// Promised: after Join the session survives any outage of the agent and needs no help to come back. Not promised: that a
// view is up to date. It is late by Consul's own delay, and by at most the wait of one query more when a connection is
// cut silently.
//
// A member is found by its metadata (member, incarnation); other instances of the same service are ignored, and so are
// services whose names differ from the cluster's in case only, which Consul takes for the same.
//
// Token, TLS, datacenter and namespace are options. What no option says is taken from Consul's own variables
// (CONSUL_HTTP_TOKEN_FILE, CONSUL_HTTP_TOKEN, CONSUL_CACERT and so on). With ACLs the token needs service:write for the
// cluster's name and node:read for all nodes.
package consul

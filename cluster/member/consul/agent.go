package consul

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/consul/api"

	"github.com/gendac/gendac/cluster/member"
)

// requestTimeout bounds every request that does not wait for news.
const requestTimeout = 2 * time.Second

const (
	metaMember      = "gendac-member"
	metaIncarnation = "gendac-incarnation"
)

// errLost says that the agent does not know our check: it has forgotten us, or never knew.
var errLost = errors.New("the agent does not know our check")

// An agent speaks Consul's HTTP interface on behalf of one member. Every call ends within its context or its timeout.
type agent struct {
	config
	self   member.Member
	client *api.Client
	idle   func() // closes the connections that nobody uses
}

func (a *agent) close() { a.idle() }

// serviceID is the same for every incarnation, so that a restart replaces what its predecessor left behind. Names hold
// no colon, so no two clusters' members get the same one. Consul's catalogue does not tell ids apart that differ in case
// only, so capitals are written differently.
func (a *agent) serviceID() string { return caseless(a.cluster) + ":" + caseless(a.self.Name) }

// caseless is an injective map from names to names without capitals: "Demo" becomes "~demo". No name holds a '~'.
func caseless(name string) string {
	var b strings.Builder
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			b.WriteByte('~')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// checkID differs between incarnations, so that a displaced process cannot keep its successor's check passing.
func (a *agent) checkID() string {
	return a.serviceID() + ":" + strconv.FormatUint(a.self.Incarnation, 10)
}

// list returns the members and the index of the answer. It waits up to wait for a change since index; index 0 does not
// wait. With an error the members are those that an incomplete answer lists, if there was one.
func (a *agent) list(ctx context.Context, index uint64, wait time.Duration) ([]member.Member, uint64, error) {
	// Consul adds up to a sixteenth to the wait.
	ctx, cancel := context.WithTimeout(ctx, wait+wait/16+requestTimeout)
	defer cancel()
	// Near keeps the agent from answering out of its stream of changes, whose answers say neither that a token hides a part
	// of them nor whether there is a leader.
	q := (&api.QueryOptions{WaitIndex: index, WaitTime: wait, Near: "_agent"}).WithContext(ctx)
	entries, meta, err := a.client.Health().Service(a.cluster, "", false, q)
	switch {
	case err != nil:
		return nil, 0, plain(err)
	case entries == nil:
		return nil, 0, errors.New("the answer is null where a list of services was asked for")
	case meta.ResultsFilteredByACLs:
		return parse(a.cluster, entries), 0, errFiltered
	case !meta.KnownLeader && meta.QueryBackend != api.QueryBackendStreaming:
		return parse(a.cluster, entries), 0, errLeaderless
	}
	return parse(a.cluster, entries), meta.LastIndex, nil
}

// announce registers the member with a passing check, unless a live process elsewhere holds its service on this agent:
// then it returns a *member.ConflictError.
func (a *agent) announce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	status, info, err := a.client.Agent().AgentHealthServiceByIDOpts(a.serviceID(), (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return plain(err)
	}
	if info != nil && info.Service != nil {
		m, ok := parseService(info.Service, health(status))
		if ok && foreign(a.self, m) {
			return &member.ConflictError{Name: a.self.Name, Ours: a.self.Addr, Theirs: m.Addr}
		}
	}
	opts := api.ServiceRegisterOpts{ReplaceExistingChecks: true}.WithContext(ctx)
	return plain(a.client.Agent().ServiceRegisterOpts(a.registration(), opts))
}

func (a *agent) registration() *api.AgentServiceRegistration {
	host, port, _ := net.SplitHostPort(a.self.Addr) // Join has validated it
	n, _ := strconv.Atoi(port)
	return &api.AgentServiceRegistration{
		ID:      a.serviceID(),
		Name:    a.cluster,
		Address: host,
		Port:    n,
		Meta: map[string]string{
			metaMember:      a.self.Name,
			metaIncarnation: strconv.FormatUint(a.self.Incarnation, 10),
		},
		Check: &api.AgentServiceCheck{
			CheckID:                        a.checkID(),
			Name:                           "gendac member " + a.self.Name,
			TTL:                            a.ttl.String(),
			Status:                         api.HealthPassing,
			DeregisterCriticalServiceAfter: a.forget.String(),
		},
	}
}

// refresh renews the check. It returns errLost when the agent does not know it.
func (a *agent) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	q := (&api.QueryOptions{}).WithContext(ctx)
	err := a.client.Agent().UpdateTTLOpts(a.checkID(), "", api.HealthPassing, q)
	if unknownCheck(err) {
		return errLost
	}
	return plain(err)
}

// unknownCheck tells the one refusal that registering again heals. Agents before 1.11 answer 500.
func unknownCheck(err error) bool {
	refusal, ok := errors.AsType[*AnswerError](err)
	return ok && (refusal.Status == http.StatusNotFound && strings.Contains(refusal.Text, "check ID") ||
		refusal.Status == http.StatusInternalServerError && strings.Contains(refusal.Text, "does not have associated TTL"))
}

// withdraw removes our registration, unless another incarnation has replaced it. That there is none is no error.
func (a *agent) withdraw(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	q := (&api.QueryOptions{}).WithContext(ctx)
	service, _, err := a.client.Agent().Service(a.serviceID(), q)
	if refusal, ok := errors.AsType[*AnswerError](err); ok && refusal.unknownService() {
		return nil
	}
	if err != nil {
		return plain(err)
	}
	if m, ok := parseService(service, member.Unknown); !ok || m.Incarnation != a.self.Incarnation {
		return nil
	}
	return plain(a.client.Agent().ServiceDeregisterOpts(a.serviceID(), q))
}

// parse returns the members of cluster among entries, sorted. Consul also answers with services whose names differ from
// cluster's in case only; they are others'. Where two agents hold one name, a passing one stands before others, and then
// the one that was registered last.
func parse(cluster string, entries []*api.ServiceEntry) []member.Member {
	type candidate struct {
		member.Member
		created uint64
	}
	best := map[string]candidate{}
	for _, e := range entries {
		m, ok := parseEntry(e)
		if !ok || e.Service.Service != cluster {
			continue
		}
		was, seen := best[m.Name]
		live, wasLive := m.Health == member.Passing, was.Health == member.Passing
		if !seen || live && !wasLive || live == wasLive && e.Service.CreateIndex > was.created {
			best[m.Name] = candidate{m, e.Service.CreateIndex}
		}
	}
	members := make([]member.Member, 0, len(best))
	for _, c := range best {
		members = append(members, c.Member)
	}
	member.Sort(members)
	return members
}

func parseEntry(e *api.ServiceEntry) (member.Member, bool) {
	if e == nil || e.Service == nil {
		return member.Member{}, false
	}
	checks := slices.DeleteFunc(e.Checks, func(c *api.HealthCheck) bool { return c == nil })
	return parseService(e.Service, health(checks.AggregatedStatus()))
}

// parseService returns false for a service that no member of ours has registered.
func parseService(s *api.AgentService, h member.Health) (member.Member, bool) {
	incarnation, err := strconv.ParseUint(s.Meta[metaIncarnation], 10, 64)
	if err != nil {
		return member.Member{}, false
	}
	m := member.Member{
		Name:        s.Meta[metaMember],
		Addr:        net.JoinHostPort(s.Address, strconv.Itoa(s.Port)),
		Incarnation: incarnation,
		Health:      h,
	}
	return m, m.Validate() == nil
}

// health maps Consul's aggregated status. A warning still is a sign of life; maintenance is an operator's "do not use".
func health(status string) member.Health {
	switch status {
	case api.HealthPassing, api.HealthWarning:
		return member.Passing
	case api.HealthCritical, api.HealthMaint:
		return member.Critical
	}
	return member.Unknown
}

package consul

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

var errRefused = errors.New("connection refused")

// A fake is a Consul agent without a network: an http.RoundTripper, so that it works on a bubble's clock. It knows
// registration, TTL checks that expire, and blocking queries.
type fake struct {
	mu         sync.Mutex
	index      uint64
	services   map[string]*registered
	changed    chan struct{} // closed and replaced by every change
	down       bool
	status     int    // not 0: what every request is answered with
	body       string // and this text
	requests   []string
	tokens     []string                                      // of each request
	hide       func(*api.AgentServiceRegistration) bool      // what the token may not read
	deny       func(*http.Request) (status int, text string) // the requests that are refused, unless status is 0
	leaderless bool
}

type registered struct {
	service *api.AgentServiceRegistration
	created uint64
	fresh   time.Time
	status  string // forced by the test; "" leaves it to the TTL
}

func newFake() *fake {
	return &fake{index: 10, services: map[string]*registered{}, changed: make(chan struct{})}
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	f.tokens = append(f.tokens, r.Header.Get("X-Consul-Token"))
	down, status, body := f.down, f.status, f.body
	if f.deny != nil && status == 0 {
		status, body = f.deny(r)
	}
	f.mu.Unlock()
	w := httptest.NewRecorder()
	switch {
	case r.Context().Err() != nil:
		return nil, r.Context().Err()
	case down:
		return nil, errRefused
	case status != 0:
		http.Error(w, body, status)
	default:
		if err := f.serve(w, r); err != nil {
			return nil, err
		}
	}
	return w.Result(), nil
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) error {
	const (
		health  = "/v1/health/service/"
		local   = "/v1/agent/health/service/id/"
		service = "/v1/agent/service/"
		update  = "/v1/agent/check/update/"
	)
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, health):
		return f.list(w, r, strings.TrimPrefix(path, health))
	case strings.HasPrefix(path, local):
		f.local(w, strings.TrimPrefix(path, local))
	case path == service+"register":
		f.register(w, r.Body)
	case strings.HasPrefix(path, service+"deregister/"):
		f.change(func() { delete(f.services, strings.TrimPrefix(path, service+"deregister/")) })
	case strings.HasPrefix(path, service):
		f.service(w, strings.TrimPrefix(path, service))
	case strings.HasPrefix(path, update):
		f.update(w, strings.TrimPrefix(path, update))
	default:
		http.Error(w, "no such page", http.StatusNotFound)
	}
	return nil
}

// list answers a blocking query.
func (f *fake) list(w http.ResponseWriter, r *http.Request, name string) error {
	wait, _ := time.ParseDuration(r.URL.Query().Get("wait"))
	index, _ := strconv.ParseUint(r.URL.Query().Get("index"), 10, 64)
	f.mu.Lock()
	changed, same := f.changed, index == f.index
	f.mu.Unlock()
	if index > 0 && same && wait > 0 {
		select {
		case <-changed:
		case <-time.After(wait):
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return io.ErrUnexpectedEOF
	}
	entries := []*api.ServiceEntry{}
	for _, s := range f.services {
		if !strings.EqualFold(s.service.Name, name) {
			continue
		}
		if f.hide != nil && f.hide(s.service) {
			w.Header().Set("X-Consul-Results-Filtered-By-ACLs", "true")
			continue
		}
		entries = append(entries, &api.ServiceEntry{
			Service: s.agentService(),
			Checks:  api.HealthChecks{{Status: s.health(), ServiceID: s.service.ID}},
		})
	}
	w.Header().Set("X-Consul-Index", fmt.Sprint(f.index))
	w.Header().Set("X-Consul-KnownLeader", strconv.FormatBool(!f.leaderless))
	w.Header().Set("X-Consul-LastContact", "0")
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(entries)
}

func (f *fake) local(w http.ResponseWriter, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.services[id]
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(api.AgentServiceChecksInfo{AggregatedStatus: api.HealthCritical})
		return
	}
	if s.health() != api.HealthPassing {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(api.AgentServiceChecksInfo{AggregatedStatus: s.health(), Service: s.agentService()})
}

func (f *fake) service(w http.ResponseWriter, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.services[id]
	if !ok {
		http.Error(w, "unknown service ID: "+id, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.agentService())
}

func (f *fake) register(w http.ResponseWriter, body io.Reader) {
	var s api.AgentServiceRegistration
	if err := json.NewDecoder(body).Decode(&s); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.change(func() {
		f.services[s.ID] = &registered{service: &s, created: f.index, fresh: time.Now()}
	})
}

func (f *fake) update(w http.ResponseWriter, check string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.services {
		if s.service.Check.CheckID == check {
			s.fresh = time.Now()
			return
		}
	}
	http.Error(w, fmt.Sprintf("Unknown check ID %q. Ensure that the check ID is passed, not the check name.\n", check), http.StatusNotFound)
}

// change does something that waiting queries are told of.
func (f *fake) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	f.index++
	close(f.changed)
	f.changed = make(chan struct{})
}

// forget empties the agent, as a restart without data does.
func (f *fake) forget() {
	f.change(func() { clear(f.services); f.index = 1 })
}

// set changes how the agent answers from now on, and breaks the queries that wait.
func (f *fake) set(down bool, status int, body string) {
	f.change(func() { f.down, f.status, f.body = down, status, body })
}

func (f *fake) count(request string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if strings.HasPrefix(r, request) {
			n++
		}
	}
	return n
}

func (r *registered) health() string {
	if r.status != "" {
		return r.status
	}
	ttl, _ := time.ParseDuration(r.service.Check.TTL)
	if time.Since(r.fresh) > ttl {
		return api.HealthCritical
	}
	return api.HealthPassing
}

func (r *registered) agentService() *api.AgentService {
	s := r.service
	return &api.AgentService{ID: s.ID, Service: s.Name, Address: s.Address, Port: s.Port, Meta: s.Meta, CreateIndex: r.created}
}

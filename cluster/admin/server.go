package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gendac/gendac/cluster/descriptors"
)

// RequestTimeout bounds one request at the server, and at a client whose context has no deadline.
const RequestTimeout = 10 * time.Second

const (
	maxRequest   = 4 << 10  // bytes of the body nobody needs
	maxHeaders   = 16 << 10 // bytes; a key may be in the path, encoded
	maxGroupName = 256      // bytes
)

// A Backend is the member behind the API. Both methods are called from many goroutines at once.
type Backend interface {
	// Status describes the member now. It waits for nothing but the member itself, and not long for that.
	Status() Status
	// Switchover orders the group's standby to take over from its active and returns when the order is committed, or with
	// one of this package's sentinels.
	Switchover(ctx context.Context, group string) error
}

// An AddressError says that the API cannot listen on the address it was given.
type AddressError struct {
	Addr string
	Err  error
}

// Error names the address and what is wrong with it.
func (e *AddressError) Error() string { return fmt.Sprintf("admin: address %q: %v", e.Addr, e.Err) }

// Unwrap returns what the operating system said.
func (e *AddressError) Unwrap() error { return e.Err }

var errNotLoopback = errors.New("not a loopback address; the admin API has no passwords, use 127.0.0.1:PORT, [::1]:PORT or unix:PATH")

// A Server answers one member's admin requests.
type Server struct {
	listener *door
	http     *http.Server
	hosts    []string
	serving  bool
	served   chan struct{}
	streams  context.Context
	ending   context.CancelFunc // of the streams
}

// NewServer listens on addr and answers from then on. addr is HOST:PORT with a loopback address or localhost ("127.0.0.1:7400";
// port 0 picks a free one, see Addr), or unix:PATH, a socket that only the user of this process and root may use. A used port or
// another unusable address is an *AddressError.
func NewServer(addr string, backend Backend, opts ...Option) (*Server, error) {
	s, err := Listen(addr, opts...)
	if err != nil {
		return nil, err
	}
	s.Serve(backend)
	return s, nil
}

// Listen is the first half of NewServer: the address is taken, and whoever connects waits for Serve.
func Listen(addr string, opts ...Option) (*Server, error) {
	if err := CheckAddr(addr); err != nil {
		return nil, err
	}
	var o options
	for _, option := range opts {
		option(&o)
	}
	listener, rule, err := listen(addr, o)
	if err != nil {
		return nil, &AddressError{Addr: addr, Err: rootCause(err)}
	}
	streams, ending := context.WithCancel(context.Background())
	return &Server{
		listener: &door{Listener: listener, rule: rule, most: descriptors.Share(maxConnections)},
		hosts:    o.hosts,
		streams:  streams, ending: ending,
		http:   newHTTPServer(nil),
		served: make(chan struct{}),
	}, nil
}

// Serve is the second half: backend answers from now on. It is called once, and not after Close.
func (s *Server) Serve(backend Backend) {
	s.http.Handler = newHandler(s.streams, backend, s.hosts)
	s.serving = true
	go func() {
		defer close(s.served)
		_ = s.http.Serve(s.listener) // always ErrServerClosed: nobody else closes the listener
	}()
}

func newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: RequestTimeout / 2,
		ReadTimeout:       RequestTimeout,
		WriteTimeout:      2 * RequestTimeout,
		IdleTimeout:       RequestTimeout,
		MaxHeaderBytes:    maxHeaders,
		ConnContext:       welcome,
		ConnState:         moved,
		// A stranger's bytes on the port are no news for the member's log.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
}

// Addr is the address that is listened on, with the port that was picked.
func (s *Server) Addr() string {
	if at := s.listener.Addr(); at.Network() == "unix" {
		return UnixPrefix + at.String()
	}
	return s.listener.Addr().String()
}

// Close stops listening, lets running requests finish until ctx ends, then cuts them. It returns ctx's error if it had to.
// Closing twice is harmless.
func (s *Server) Close(ctx context.Context) error {
	s.ending()
	if !s.serving {
		_ = s.listener.Close() // nobody was let in
		return nil
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // the deadline is over; what is still open is cut, and err tells
	}
	<-s.served
	return err
}

// Handler answers the API's requests, for callers that have a listener of their own. If backend is a DictBackend too, its
// dictionary is part of the API, once it has Joined if it is a Joiner; if it is a RaftBackend, the groups that elect a leader are.
// It answers requests whose Host is a loopback name, with the port of the listener where that is known, or one of hosts.
func Handler(backend Backend, hosts ...string) http.Handler {
	return newHandler(context.Background(), backend, hosts)
}

// newHandler is Handler; ending ends the streams that run.
func newHandler(ending context.Context, backend Backend, hosts []string) http.Handler {
	api := &api{backend: backend}
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/status", api.only(http.MethodGet, api.status))
	mux.HandleFunc("/v1/groups/{group}/switchover", api.only(http.MethodPost, api.switchover))
	life := &lifeAPI{}
	life.backend, _ = backend.(LifeBackend)
	life.register(mux, api.only)
	dict := &dictAPI{streams: make(chan struct{}, maxStreams), ending: ending}
	if b, has := backend.(DictBackend); has {
		dict.dict = b.Dict()
	}
	dict.joiner, _ = backend.(Joiner)
	dict.register(mux)
	raft := &raftAPI{}
	raft.backend, _ = backend.(RaftBackend)
	raft.register(mux, api.only)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, fmt.Errorf("%w %q; there are GET /v1/status, GET /readyz, POST /v1/stop, POST /v1/groups/GROUP/switchover and those under /v1/raft/ and /v1/dict/", ErrNotFound, r.URL.Path))
	})
	sites := http.NewCrossOriginProtection()
	sites.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, ErrForbidden) }))
	return guarded(hosts, sites.Handler(new(bodies).metered(mux)))
}

type api struct{ backend Backend }

// only refuses other methods, bounds the request and turns a panic of the backend into an answer.
func (a *api) only(method string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method {
			w.Header().Set("Allow", method)
			refuse(w, fmt.Errorf("%w: %s takes %s, not %s", ErrMethod, r.URL.Path, method, r.Method))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		ctx, cancel := context.WithTimeout(r.Context(), RequestTimeout)
		defer cancel()
		defer func() {
			if p := recover(); p != nil {
				refuse(w, fmt.Errorf("%w: %v", ErrInternal, p))
			}
		}()
		h(w, r.WithContext(ctx))
	}
}

func (a *api) status(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, filled(a.backend.Status()))
}

func (a *api) switchover(w http.ResponseWriter, r *http.Request) {
	group := r.PathValue("group")
	if err := checkGroup(group); err != nil {
		refuse(w, err)
		return
	}
	if err := a.backend.Switchover(r.Context(), group); err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusAccepted, map[string]string{"group": group})
}

// checkGroup refuses names that no spec can contain, so that backends and logs never see them.
func checkGroup(group string) error {
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\uFFFD' }
	switch {
	case group == "":
		return fmt.Errorf("%w: the group name is empty", ErrBadRequest)
	case len(group) > maxGroupName:
		return fmt.Errorf("%w: the group name has %d bytes, at most %d are allowed", ErrBadRequest, len(group), maxGroupName)
	case strings.ContainsFunc(group, bad):
		return fmt.Errorf("%w: the group name %q has characters that no name has", ErrBadRequest, group)
	}
	return nil
}

// filled makes empty lists empty lists on the wire instead of null.
func filled(s Status) Status {
	if s.Members == nil {
		s.Members = []Member{}
	}
	if s.Groups == nil {
		s.Groups = []Group{}
	}
	if s.Instances == nil {
		s.Instances = []Instance{}
	}
	if s.Alarms == nil {
		s.Alarms = []string{}
	}
	return s
}

func refuse(w http.ResponseWriter, err error) {
	code, status := codeOf(err)
	line := strings.Join(strings.Fields(err.Error()), " ")
	answer(w, status, Refusal{Text: line, Code: code})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // fails only when the client is gone, and then nobody is left to tell
}

// rootCause drops the layers that repeat the address.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

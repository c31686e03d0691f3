package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/remoting"
	"github.com/gendac/gendac/cluster/spec"
)

// nodeFlags are what the command line says about one member.
type nodeFlags struct {
	file, name, bind, advertise, admin string
	adminHosts                         []string
	adminGroup                         string
	discovery                          string
	consul                             consulFlags
	tlsCert, tlsKey, tlsCA             string
	data                               string
	memory                             bool
	logLevel, logFormat                string
}

func nodeCommand() *cobra.Command {
	var f nodeFlags
	cmd := &cobra.Command{
		Use:   "node -f FILE --name MEMBER",
		Short: "Run one member",
		Long: `node runs one member of the cluster that the specification describes. Its applications are OS processes: each needs a
command in the specification. The process finds in its environment why it runs: GENDAC_START (normal, failover, takeover,
restart), GENDAC_FROM (the member that was active before), GENDAC_EPOCH (rises with every activation; give it to whoever must
refuse a predecessor), GENDAC_ROLE, GENDAC_INSTANCE and GENDAC_MEMBER. It runs on the active member only; a standby is ready to
start it. It is killed when its member dies, is paused, or loses its lease.

The member keeps its state, which is the dictionary and the epochs of all groups, in a directory: --data, else CLUSTER/MEMBER below
$STATE_DIRECTORY, which systemd sets, else gendac/CLUSTER/MEMBER below $XDG_STATE_HOME, else below ~/.local/state. With --memory
it keeps nothing.

The member stops in order on SIGINT and SIGTERM: its applications first, then it leaves the cluster. A member in memory
first waits until the others have everything. If they have not in time, it says so and goes on running. A second signal ends it
at once. SIGHUP has it read its certificate files again, which it also does by itself when they change.`,
		Example: "  gendac node -f cluster.yaml --name a1\n" +
			"  gendac node -f cluster.yaml --name a1 --discovery consul --bind 10.0.0.1:7100",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runNode(cmd.Context(), f, cmd.ErrOrStderr()) },
	}
	specFlag(cmd, &f.file)
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", "this member's name in the specification (required)")
	if err := cmd.MarkFlagRequired("name"); err != nil {
		panic(err) // the flag is defined one line above
	}
	flags.StringVar(&f.bind, "bind", "", "HOST:PORT to listen on for the other members (default: addr in the specification)")
	flags.StringVar(&f.advertise, "advertise", "", "HOST:PORT at which the others reach this member (default: as --bind)")
	flags.StringVar(&f.admin, "admin", defaultAdmin, `admin API: loopback HOST:PORT (port 0 picks one) or unix:PATH; "" is none`)
	flags.StringSliceVar(&f.adminHosts, "admin-host", nil, "HOST:PORT that the admin API also answers to, as of a forwarded port")
	flags.StringVar(&f.adminGroup, "admin-group", "", "group that may use the socket of --admin unix:PATH, too")
	flags.StringVar(&f.discovery, "discovery", "static", "how members find each other: static (addr in the specification) or consul")
	f.consul.register(cmd)
	flags.StringVar(&f.data, "data", "", "directory that keeps this member's state through restarts (default: see above)")
	flags.BoolVar(&f.memory, "memory", false, "keep no state on disk: if a majority of members ends at once, the dictionary and all epochs are lost")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "file with this member's certificate; with all three, members prove who they are")
	flags.StringVar(&f.tlsKey, "tls-key", "", "file with the key of the certificate")
	flags.StringVar(&f.tlsCA, "tls-ca", "", "file with the authority that signs all members' certificates")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&f.logFormat, "log-format", "text", "text or json; the log goes to stderr")
	return cmd
}

// runNode runs the member until ctx ends and then stops it in order.
func runNode(ctx context.Context, f nodeFlags, stderr io.Writer) error {
	cfg, err := f.config(stderr)
	if err != nil {
		return err
	}
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP) // from here on it ends nothing
	defer signal.Stop(hangUp)
	n, err := node.Start(cfg)
	if err != nil {
		return fmt.Errorf("node: %w", elsewhere(err))
	}
	go reloadOn(hangUp, n, cfg.Logger)
	cfg.Logger.Info("running", slog.String("member", f.name), slog.String("admin", n.Admin()))
	select {
	case <-n.Done():
		return endOf(n)
	case <-ctx.Done():
	}
	cfg.Logger.Info("stopping")
	bounded, cancel := context.WithTimeout(context.Background(), stopWithin(cfg.Spec)+n.StopTimeout())
	defer cancel()
	switch err := n.Stop(bounded); {
	case errors.Is(err, node.ErrHeld):
		cfg.Logger.Error("not stopped", slog.Any("err", err), slog.String("do", "start the others, or end it all the same with "+
			"gendac stop --force or a second signal: that loses what only this member has"))
		<-n.Done()
		return endOf(n)
	case err != nil:
		return fmt.Errorf("node: stop: %w", err)
	}
	return nil
}

// endOf is why a member ended; nil if somebody stopped it.
func endOf(n *node.Node) error {
	if err := n.Err(); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	return nil
}

// reloadOn reads the member's files again at each signal, until the member has ended.
func reloadOn(signals <-chan os.Signal, n *node.Node, log *slog.Logger) {
	for {
		select {
		case <-signals:
			if err := n.Reload(); err != nil {
				log.Warn("files cannot be used, what was read before stays in use", slog.Any("err", err))
				continue
			}
			log.Info("files read again, at a signal")
		case <-n.Done():
			return
		}
	}
}

// elsewhere says what to do about an admin address that somebody has, such as another member on the same machine.
func elsewhere(err error) error {
	var at *admin.AddressError
	if errors.As(err, &at) && errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: give another --admin, or 127.0.0.1:0, which picks a free port", err)
	}
	return err
}

// stopWithin is how long all applications may take to stop: those of a group stop one after the other.
func stopWithin(s *spec.Spec) time.Duration {
	var all time.Duration
	for _, a := range s.Applications {
		all += a.StopTimeout.Std()
	}
	return all
}

// config checks everything that can be checked without the network. Its errors are matters of usage.
func (f nodeFlags) config(stderr io.Writer) (node.Config, error) {
	logger, err := f.logger(stderr)
	if err != nil {
		return node.Config{}, err
	}
	s, err := load(f.file)
	if err != nil {
		return node.Config{}, err
	}
	if err := f.checkMember(s); err != nil {
		return node.Config{}, err
	}
	if f.admin != "" {
		if err := admin.CheckAddr(f.admin); err != nil {
			return node.Config{}, usage("node: --admin: %w", err)
		}
	}
	apps, err := processes(s)
	if err != nil {
		return node.Config{}, err
	}
	cfg := node.Config{
		Name: f.name, Bind: f.bind, Advertise: f.advertise, Spec: s, Apps: apps, Logger: logger,
		Admin: f.admin, AdminHosts: f.adminHosts, AdminGroup: f.adminGroup,
	}
	if cfg.DataDir, cfg.InMemory, err = f.state(s.Cluster); err != nil {
		return node.Config{}, err
	}
	if cfg.TLS, err = f.tls(); err != nil {
		return node.Config{}, err
	}
	switch f.discovery {
	case "static":
		return cfg, f.checkAddresses(s)
	case "consul":
		cfg.Discovery = f.consul.discovery(s.Cluster, logger)
		if err := f.consul.check(); err != nil {
			return node.Config{}, err
		}
		if f.bind == "" && s.Members[f.name].Addr == "" {
			return node.Config{}, usage("node: --bind: needed, the specification has no addr for member %q", f.name)
		}
		return cfg, nil
	default:
		return node.Config{}, usage("node: --discovery %q: want static or consul", f.discovery)
	}
}

// state is where the member keeps its state, or that it keeps it in memory.
func (f nodeFlags) state(cluster string) (dir string, memory bool, err error) {
	switch {
	case f.memory && f.data != "":
		return "", false, usage("node: --data %q and --memory: give one of the two; a member keeps its state in a directory or in memory", f.data)
	case f.memory || f.data != "":
		return f.data, f.memory, nil
	}
	dir, err = node.StateDir(cluster, f.name)
	if err != nil {
		return "", false, usage("%w; give --data DIR, or --memory to keep nothing", err)
	}
	return dir, false, nil
}

func (f nodeFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil || strings.ContainsAny(f.logLevel, "+-") {
		return nil, usage("node: --log-level %q: want debug, info, warn or error", f.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	default:
		return nil, usage("node: --log-format %q: want text or json", f.logFormat)
	}
}

func (f nodeFlags) checkMember(s *spec.Spec) error {
	if _, ok := s.Members[f.name]; ok {
		return nil
	}
	return usage("node: --name %q: not a member of cluster %s, which has %s", f.name, s.Cluster, strings.Join(memberNames(s), ", "))
}

// checkAddresses is for static discovery, where everybody must know where everybody is.
func (f nodeFlags) checkAddresses(s *spec.Spec) error {
	for _, name := range memberNames(s) {
		if s.Members[name].Addr == "" {
			return &spec.Error{Field: "members." + name + ".addr", Problem: "missing, and static discovery needs it: add host:port or use --discovery consul"}
		}
	}
	return nil
}

func memberNames(s *spec.Spec) []string { return slices.Sorted(maps.Keys(s.Members)) }

// tls wants all three files or none.
func (f nodeFlags) tls() (*remoting.TLS, error) {
	if f.tlsCert == "" && f.tlsKey == "" && f.tlsCA == "" {
		return nil, nil
	}
	for _, file := range []struct{ flag, path string }{
		{"--tls-cert", f.tlsCert}, {"--tls-key", f.tlsKey}, {"--tls-ca", f.tlsCA},
	} {
		if file.path == "" {
			return nil, usage("node: %s: missing; --tls-cert, --tls-key and --tls-ca go together", file.flag)
		}
		if _, err := os.Stat(file.path); err != nil {
			return nil, usage("node: %s: %w", file.flag, err)
		}
	}
	return &remoting.TLS{CertFile: f.tlsCert, KeyFile: f.tlsKey, CAFile: f.tlsCA}, nil
}

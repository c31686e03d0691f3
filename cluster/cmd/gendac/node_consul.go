package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/member/consul"
)

// consulFlags are what the command line says about the Consul agent.
type consulFlags struct {
	addr, tokenFile       string
	ca, cert, key, server string
	datacenter, namespace string
}

func (f *consulFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "consul", "127.0.0.1:8500", "Consul agent: HOST:PORT, https://HOST:PORT or unix:///PATH")
	flags.StringVar(&f.tokenFile, "consul-token-file", "", "file with the ACL token for Consul; a token replaced there is used from then on")
	flags.StringVar(&f.ca, "consul-ca", "", "file with the authority that signs the Consul agent's certificate; implies https")
	flags.StringVar(&f.cert, "consul-cert", "", "file with this member's certificate for the Consul agent; implies https")
	flags.StringVar(&f.key, "consul-key", "", "file with the key of that certificate")
	flags.StringVar(&f.server, "consul-server-name", "", "name in the Consul agent's certificate (default: its host); implies https")
	flags.StringVar(&f.datacenter, "consul-datacenter", "", "datacenter of the Consul agent (default: whichever it is)")
	flags.StringVar(&f.namespace, "consul-namespace", "", "namespace of Consul Enterprise to register in")
}

// check refuses files that cannot be used before anything is started.
func (f *consulFlags) check() error {
	for _, file := range []struct{ flag, path string }{
		{"--consul-token-file", f.tokenFile}, {"--consul-ca", f.ca}, {"--consul-cert", f.cert}, {"--consul-key", f.key},
	} {
		if file.path == "" {
			continue
		}
		if _, err := os.Stat(file.path); err != nil {
			return usage("node: %s: %w", file.flag, err)
		}
	}
	if (f.cert == "") != (f.key == "") {
		return usage("node: --consul-cert and --consul-key go together")
	}
	return nil
}

func (f *consulFlags) discovery(cluster string, logger *slog.Logger) member.Discovery {
	opts := []consul.Option{
		consul.WithCluster(cluster), consul.WithLogger(logger), consul.WithTokenFile(f.tokenFile),
		consul.WithDatacenter(f.datacenter), consul.WithNamespace(f.namespace),
	}
	if f.ca != "" || f.cert != "" || f.server != "" {
		opts = append(opts, consul.WithTLS(consul.TLS{CAFile: f.ca, CertFile: f.cert, KeyFile: f.key, ServerName: f.server}))
	}
	return consul.Discovery(f.addr, opts...)
}

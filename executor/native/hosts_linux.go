//go:build cgo

package native

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/runc/libcontainer/configs"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

const (
	hostsFile  = "/etc/hosts"
	resolvFile = "/etc/resolv.conf"
)

// addNetwork gives the container the host's network, or none but a loopback
// device, and the files that go with it.
func (s *shim) addNetwork(c *configs.Config) error {
	for name, asked := range map[string]bool{hostsFile: len(s.ExtraHosts) > 0, resolvFile: len(s.DNS) > 0} {
		if asked && slices.ContainsFunc(c.Mounts, func(m *configs.Mount) bool { return m.Destination == name }) {
			return fmt.Errorf("%s: a volume is mounted there, so extra hosts and name servers cannot be written to it", name)
		}
	}
	if s.Network == executor.NetworkNone {
		c.Namespaces.Add(configs.NEWNET, "")
		c.Networks = []*configs.Network{{Type: "loopback", Address: "127.0.0.1/0", Gateway: "localhost"}}
		c.Hostname = s.id()
	}
	hosts, err := s.hosts()
	if err == nil {
		err = s.addText(c, hostsFile, hosts)
	}
	if err != nil {
		return err
	}
	servers, err := s.nameServers()
	if err != nil {
		return err
	}
	return s.addText(c, resolvFile, servers)
}

// hosts is the content of the container's /etc/hosts when it is not that of
// the host.
func (s *shim) hosts() ([]byte, error) {
	var text []byte
	switch {
	case s.Network == executor.NetworkNone:
		text = fmt.Appendf(nil, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t%s\n", s.id())
	case len(s.ExtraHosts) == 0:
		return nil, nil
	default:
		data, err := os.ReadFile(hostsFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if text = data; len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
			text = append(text, '\n')
		}
	}
	for _, h := range s.ExtraHosts {
		ip := h.IP
		if ip == executor.HostGateway {
			ip = "127.0.0.1" // the container has the host's network
		}
		text = append(text, ip+"\t"+h.Name+"\n"...)
	}
	return text, nil
}

// nameServers is the content of the container's /etc/resolv.conf when it is
// not that of the host: its name servers and the host's other lines.
func (s *shim) nameServers() ([]byte, error) {
	if len(s.DNS) == 0 {
		return nil, nil
	}
	var text []byte
	for _, ip := range s.DNS {
		text = append(text, "nameserver "+ip+"\n"...)
	}
	data, err := os.ReadFile(resolvFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 1 && slices.Contains([]string{"search", "domain", "options"}, fields[0]) {
			text = append(text, strings.TrimSpace(line)+"\n"...)
		}
	}
	return text, nil
}

// addText puts a file of /etc into the container: a text of its own, else the
// host's, which a container without a network does not get.
func (s *shim) addText(c *configs.Config, name string, text []byte) error {
	if text != nil {
		source := s.privatePath(strings.TrimPrefix(name, "/etc/"))
		if err := os.WriteFile(source, text, 0o644); err != nil { //nolint:gosec // every user of the container reads it
			return err
		}
		return s.addFile(c, source, name)
	}
	if _, err := os.Stat(name); err != nil || s.Network == executor.NetworkNone {
		return nil //nolint:nilerr // a host without the file has nothing to give
	}
	return s.addFile(c, name, name)
}

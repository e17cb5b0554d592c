package logs

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// DefaultSyslogAddress is where syslog is sent when nobody says where to.
const DefaultSyslogAddress = "127.0.0.1:514"

// defaultPorts are the transports, with the port of each. Source of the rule:
// RFC 5426 section 3.3 and RFC 5425 section 4.1; TCP has the port of UDP, as
// RFC 6587 describes the practice.
var defaultPorts = map[string]string{"udp": "514", "tcp": "514", "tls": "6514"}

// SyslogAddress is where a syslog server listens.
type SyslogAddress struct {
	// Network is "udp", "tcp" or "tls".
	Network string
	// Host is a name or an IP address, without brackets.
	Host string
	Port string
}

// ParseSyslogAddress reads [udp://|tcp://|tls://]HOST[:PORT]. Without a scheme
// it is UDP, without a port 514, or 6514 for TLS. An IPv6 address with a port
// stands in brackets.
func ParseSyslogAddress(text string) (SyslogAddress, error) {
	refuse := func(why string) (SyslogAddress, error) {
		return SyslogAddress{}, fmt.Errorf("syslog address %q: %s: want [udp://|tcp://|tls://]HOST[:PORT]", text, why)
	}
	network, rest, ok := strings.Cut(text, "://")
	if !ok {
		network, rest = "udp", text
	}
	a := SyslogAddress{Network: network, Port: defaultPorts[network]}
	if a.Port == "" {
		return refuse(fmt.Sprintf("unknown scheme %q", network))
	}
	host, port, err := net.SplitHostPort(rest)
	switch _, ipErr := netip.ParseAddr(strings.Trim(rest, "[]")); {
	case err == nil:
		a.Host, a.Port = host, port
	case ipErr == nil:
		a.Host = strings.Trim(rest, "[]")
	case strings.Contains(rest, ":"):
		return refuse("not a host and a port")
	default:
		a.Host = rest
	}
	if a.Host == "" {
		return refuse("no host")
	}
	if strings.ContainsAny(a.Host, "/?#@[] \t\r\n") {
		return refuse(fmt.Sprintf("host %q", a.Host))
	}
	if n, err := strconv.ParseUint(a.Port, 10, 16); err != nil || n == 0 {
		return refuse(fmt.Sprintf("port %q is not between 1 and 65535", a.Port))
	}
	return a, nil
}

// String is the address with its port, and with its scheme unless that is UDP.
func (a SyslogAddress) String() string {
	if a.Network == "udp" {
		return a.hostPort()
	}
	return a.Network + "://" + a.hostPort()
}

func (a SyslogAddress) hostPort() string { return net.JoinHostPort(a.Host, a.Port) }

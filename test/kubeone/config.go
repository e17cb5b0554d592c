package main

import (
	"fmt"
	"os"
)

const (
	nodeName = "kubeone"
	bridge   = "kubeone0"
	nodeIP   = "10.244.0.1"    // of the bridge
	podRange = "10.244.0.0/24" // addresses of pods, the node's among them

	// splitStreams is the feature gate of logs of a single stream.
	splitStreams = "PodLogsQuerySplitStreams"
)

func (c *cluster) writeConfigs() error {
	files := map[string]string{
		"containerd.toml":      c.containerdConfig(),
		"cni/kubeone.conflist": c.cniConfig(),
		"kubelet.yaml":         c.kubeletConfig(),
		"kubeconfig":           c.userConfig("admin"),
		// Pods get this as theirs: there is nobody to ask for names.
		"resolv.conf": "options attempts:1 timeout:1\n",
	}
	for _, part := range []string{"kube-controller-manager", "kube-scheduler", "kubelet"} {
		files[part+".kubeconfig"] = c.userConfig(part)
	}
	for file, content := range files {
		if err := os.WriteFile(c.path(file), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// userConfig is a kubeconfig with a user's certificate of pki.
func (c *cluster) userConfig(user string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: kubeone, cluster: {server: "https://127.0.0.1:%d", certificate-authority: %q}}]
users: [{name: %s, user: {client-certificate: %q, client-key: %q}}]
contexts: [{name: kubeone, context: {cluster: kubeone, user: %s}}]
current-context: kubeone
`, c.ports.api, c.path("pki/ca.crt"), user, c.path("pki", user+".crt"), c.path("pki", user+".key"), user)
}

// containerdConfig keeps all files in the state folder. Scores of the
// out-of-memory killer cannot be lowered by a root without CAP_SYS_RESOURCE.
func (c *cluster) containerdConfig() string {
	return fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = %q

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`, c.path("containerd"), c.path("containerd-state"), c.socket(), pauseImage, c.cniBin, c.path("cni"))
}

func (c *cluster) cniConfig() string {
	return fmt.Sprintf(`{"cniVersion": "0.4.0", "name": "kubeone", "plugins": [
  {"type": "bridge", "bridge": %q, "isGateway": true, "ipam":
    {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": %q, "gateway": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}}
]}
`, bridge, c.path("ipam"), podRange, nodeIP)
}

// kubeletConfig evicts no pod and collects no image, however full the machine
// is, and keeps a log whole up to logSize.
func (c *cluster) kubeletConfig() string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
featureGates: {%s: true}
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %q}
authorization: {mode: Webhook}
address: %q
port: %d
healthzBindAddress: 127.0.0.1
healthzPort: %d
containerRuntimeEndpoint: unix://%s
cgroupDriver: cgroupfs
cgroupRoot: /%s
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
resolvConf: %q
podLogsDir: %q
volumePluginDir: %q
containerLogMaxSize: %s
containerLogMonitorInterval: 3s
evictionHard: {memory.available: "0%%", nodefs.available: "0%%", imagefs.available: "0%%", nodefs.inodesFree: "0%%", imagefs.inodesFree: "0%%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
nodeStatusUpdateFrequency: 5s
syncFrequency: 10s
oomScoreAdj: 0
maxOpenFiles: 20000
makeIPTablesUtilChains: false
`, splitStreams, c.path("pki/ca.crt"), nodeIP, c.ports.kubelet, c.ports.kubeletHealth, c.socket(), c.cgroup(),
		c.path("resolv.conf"), c.path("podlogs"), c.path("flexvolume"), c.logSize)
}

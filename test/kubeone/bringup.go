package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// bringUp starts every part and returns when pods can be created.
func (c *cluster) bringUp(ctx context.Context) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	c.step("files, mounts and network")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// containerd gets ready beside the control plane.
	c.spawn("containerd", c.containerd, "--config", c.path("containerd.toml"))
	c.spawn("etcd", append([]string{self, "etcd"}, c.etcdFlags()...)...)
	if err := c.wait(ctx, "etcd", c.etcdHealthy); err != nil {
		return err
	}
	c.spawn("kube-apiserver", append([]string{self, "kube-apiserver"}, c.apiserverFlags()...)...)
	if err := c.wait(ctx, "containerd", func(ctx context.Context) error {
		return c.ctr(ctx, "version")
	}); err != nil {
		return err
	}
	if err := c.importImages(ctx); err != nil {
		return err
	}
	c.step("images")
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := c.wait(ctx, "kube-apiserver", func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}); err != nil {
		return err
	}
	c.spawn("kube-controller-manager", append([]string{self, "kube-controller-manager"}, c.controllerManagerFlags()...)...)
	c.spawn("kube-scheduler", self, "kube-scheduler", "--kubeconfig="+c.path("kube-scheduler.kubeconfig"), "--leader-elect=false", "--secure-port=0")
	c.spawn("kubelet", self, "kubelet", "--config="+c.path("kubelet.yaml"), "--kubeconfig="+c.path("kubelet.kubeconfig"),
		"--hostname-override="+nodeName, "--node-ip="+nodeIP, "--root-dir="+c.path("kubelet"), "--cert-dir="+c.path("kubelet-pki"))
	return c.furnish(ctx, client)
}

// prepare makes all that the parts find when they start.
func (c *cluster) prepare(ctx context.Context) error {
	for _, dir := range []string{"log", "pki", "cni"} {
		if err := os.Mkdir(c.path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := c.writePID("kubeone", os.Getpid()); err != nil {
		return err
	}
	if err := c.choosePorts(); err != nil {
		return err
	}
	if err := c.ownMounts(); err != nil {
		return err
	}
	if err := c.makeCgroups(); err != nil {
		return err
	}
	if err := c.makeBridge(ctx); err != nil {
		return err
	}
	return errors.Join(c.writePKI(), c.writeConfigs())
}

// furnish waits for the node, and for what every namespace and claim needs.
func (c *cluster) furnish(ctx context.Context, client kubernetes.Interface) error {
	// kube-controller-manager's own provisioner makes folders of the node.
	_, err := client.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
		ObjectMeta:  metav1.ObjectMeta{Name: "hostpath", Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}},
		Provisioner: "kubernetes.io/host-path",
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if err := c.wait(ctx, "the node", func(ctx context.Context) error { return nodeReady(ctx, client) }); err != nil {
		return err
	}
	return c.wait(ctx, "the default service account", func(ctx context.Context) error {
		if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return err
		}
		_, err := client.CoreV1().ConfigMaps("default").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err
	})
}

// nodeReady says why the node cannot take pods yet.
func nodeReady(ctx context.Context, client kubernetes.Interface) error {
	node, err := client.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, taint := range node.Spec.Taints {
		return fmt.Errorf("the node has the taint %s", taint.Key)
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		if condition.Status == corev1.ConditionTrue {
			return nil
		}
		return fmt.Errorf("%s: %s", condition.Reason, condition.Message)
	}
	return errors.New("the node has no Ready condition")
}

func (c *cluster) client() (kubernetes.Interface, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig())
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(cfg)
}

func (c *cluster) etcdURL(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) }

func (c *cluster) etcdFlags() []string {
	client, peer := c.etcdURL(c.ports.etcd), c.etcdURL(c.ports.etcdPeer)
	return []string{
		"--data-dir=" + c.path("etcd"),
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
		"--log-level=warn", "--unsafe-no-fsync", // nothing here outlives the machine
	}
}

func (c *cluster) etcdHealthy(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.etcdURL(c.ports.etcd)+"/health", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // nothing was read
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

func (c *cluster) apiserverFlags() []string {
	return []string{
		"--etcd-servers=" + c.etcdURL(c.ports.etcd),
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(c.ports.api),
		"--advertise-address=" + nodeIP, "--endpoint-reconciler-type=none",
		"--tls-cert-file=" + c.path("pki/kube-apiserver.crt"), "--tls-private-key-file=" + c.path("pki/kube-apiserver.key"),
		"--client-ca-file=" + c.path("pki/ca.crt"),
		"--kubelet-client-certificate=" + c.path("pki/kube-apiserver-kubelet.crt"),
		"--kubelet-client-key=" + c.path("pki/kube-apiserver-kubelet.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.path("pki/sa.pub"), "--service-account-signing-key-file=" + c.path("pki/sa.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true", "--profiling=false",
		"--feature-gates=" + splitStreams + "=true",
	}
}

func (c *cluster) controllerManagerFlags() []string {
	return []string{
		"--kubeconfig=" + c.path("kube-controller-manager.kubeconfig"),
		"--leader-elect=false", "--secure-port=0",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + c.path("pki/sa.key"),
		"--root-ca-file=" + c.path("pki/ca.crt"),
		"--enable-hostpath-provisioner=true",
		"--flex-volume-plugin-dir=" + c.path("flexvolume"),
	}
}

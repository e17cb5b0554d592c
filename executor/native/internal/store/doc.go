// Package store keeps images for the native executor: it gets them from
// registries, archives, OCI layouts and the running program, and unpacks each
// of their layers once.
//
// A store is one folder:
//
//	lock               held shared by whoever writes, exclusively to clean up
//	locks/             one lock a layer or download: work is done once, also between processes
//	tmp/               what is being made; nothing in it is ever used
//	partial/HEX        the beginning of a layer that is being downloaded
//	blobs/sha256/HEX   a layer that is downloaded, verified and not yet unpacked
//	layers/ID          an unpacked layer (layers.user for an ordinary user)
//	images/HEX.json    an image: its configuration and its layers
//	refs/HEX.json      what a reference meant when it was last asked for
//
// Everything outside tmp and partial is complete and verified: it was made
// under a temporary name, written to the disk and then renamed. A layer ID is
// the first 128 bits of its diff ID in base 32; 26 letters, so that the options
// of an overlay mount with 120 layers fit in the 4096 bytes that Linux allows.
//
// # Layers
//
// A layer is in the format of overlayfs: a removed file is a character device
// 0/0, a directory that hides those below it carries the attribute
// trusted.overlay.opaque, or user.overlay.opaque in a rootless store (Linux
// documentation, filesystems/overlayfs.rst). Where the kernel or the file
// system refuses those (rootless before Linux 5.8, a tmpfs before 6.6, a
// container without CAP_SYS_ADMIN), the layer keeps the marks of the image
// format instead, files named .wh.NAME and .wh..wh..opq, and its folder's name
// ends in ".f". Only Flatten understands such a layer; see Rootfs.FlattenOnly.
//
// A rootless store belongs to one user. It does not keep owners, and it lets
// the owner read every file and enter every directory, so that the layers can
// be copied and deleted without privileges.
//
// # Limits
//
// A layer may unpack to 4 GiB or 200 times its stored size, whichever is more.
// The environment variable KOG_MAX_LAYER_SIZE (bytes, or with a suffix K, M, G
// or T) or Options.MaxLayer replaces that. Device nodes, sparse entries and
// names that leave the layer are refused.
package store

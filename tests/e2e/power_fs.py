#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A file system whose power can be cut. It keeps what was written apart from what was synced: at the cut, of what was not
synced a part survives that chance chooses, block by block and name by name, as strictly as POSIX allows. It can also be slow,
and fail. Everything is in memory; FUSE brings each write here at once, since its write-back cache stays off.

usage: power_fs.py MOUNTPOINT [IMAGE]      IMAGE: what survived an earlier cut
Then a command as JSON a line on the standard input, each answered by a line; its end unmounts:
  {"cut": SEED, "image": FILE}   from now on every call fails; what survived is in FILE
  {"faults": [{"op": "write" or "fsync", "name": "END OF A NAME", "seconds": S, "errno": "EIO", "times": N}, …]}
                                 the first that matches is what happens; all but op are optional"""
import errno
import json
import os
import pickle
import random
import signal
import stat
import sys
import time

import pyfuse3
import trio

BLOCK = 4096
FOREVER = 3600


class Node:
    """A file or a directory, as it is seen (live) and as it would be found after a cut (disk)."""

    def __init__(self, number, mode, name):
        self.number, self.mode, self.name = number, mode, name
        self.uid, self.gid, self.time_ns = os.getuid(), os.getgid(), time.time_ns()
        self.links = 1
        # a file
        self.live, self.disk = bytearray(), bytearray()
        self.dirty = set()  # numbers of blocks
        self.sizes = []     # that it had since the last sync
        # a directory: name -> Node
        self.entries, self.disk_entries = {}, {}
        self.changes = []   # since the last sync, in order: {name: Node or None}

    def is_directory(self):
        return stat.S_ISDIR(self.mode)

    def block(self, i):
        return bytes(self.live[i * BLOCK:(i + 1) * BLOCK])

    def write(self, offset, data):
        if offset > len(self.live):
            self.live.extend(bytes(offset - len(self.live)))
        self.live[offset:offset + len(data)] = data
        self.dirty.update(range(offset // BLOCK, (offset + len(data) - 1) // BLOCK + 1))
        self.sizes.append(len(self.live))

    def truncate(self, size):
        if size < len(self.live):
            del self.live[size:]
            self.dirty = {i for i in self.dirty if i * BLOCK < size}
        else:
            self.live.extend(bytes(size - len(self.live)))
        if size % BLOCK:
            self.dirty.add(size // BLOCK)
        self.sizes.append(size)

    def change(self, names):
        for name, node in names.items():
            if node is None:
                self.entries.pop(name, None)
            else:
                self.entries[name] = node
        self.changes.append(names)

    def put_on_disk(self, blocks, size):
        del self.disk[size:]
        self.disk.extend(bytes(size - len(self.disk)))
        for i, data in blocks.items():
            data = data[:max(size - i * BLOCK, 0)]
            self.disk[i * BLOCK:i * BLOCK + len(data)] = data

    def begin_sync(self):
        """What a sync that begins now has to bring to the disk: nothing that comes after."""
        return ({i: self.block(i) for i in self.dirty}, len(self.live), len(self.sizes), len(self.changes))

    def end_sync(self, what, lost=False):
        """lost: the blocks are gone and yet clean, as Linux has it after a write-back that failed."""
        blocks, size, sizes, changes = what
        if not lost:
            self.put_on_disk(blocks, size)
            del self.sizes[:sizes]
            for names in self.changes[:changes]:
                self.disk_entries.update(names)
            del self.changes[:changes]
        self.dirty -= {i for i, data in blocks.items() if data == self.block(i)}

    def survivor(self, chance):
        """What is found of it after a cut; of a file also what had been written."""
        if self.is_directory():
            found = dict(self.disk_entries)
            for names in self.changes[:chance.randint(0, len(self.changes))]:
                found.update(names)
            return ("directory", self.mode, {k: n.survivor(chance) for k, n in found.items() if n})
        size = len(self.disk)
        if self.sizes:
            least = min(size, *self.sizes)
            size = chance.choice([size, *self.sizes, max(least, chance.randint(0, len(self.live)) // BLOCK * BLOCK)])
        share = chance.choice([0, 1, 0.5, 0.9])
        out = Node(0, 0, "")
        out.disk = bytearray(self.disk)
        out.put_on_disk({i: self.block(i) for i in self.dirty if chance.random() < share}, size)
        return ("file", self.mode, bytes(out.disk), bytes(self.live))


class PowerFs(pyfuse3.Operations):
    def __init__(self, image):
        super().__init__()
        self.nodes = {}
        self.faults = []
        self.cut = trio.Event()
        self.root = self.load(image, "") if image else self.new(stat.S_IFDIR | 0o755, "")

    def new(self, mode, name):
        number = len(self.nodes) + pyfuse3.ROOT_INODE  # none is used twice
        self.nodes[number] = Node(number, mode, name)
        return self.nodes[number]

    def load(self, image, name):
        kind, mode, content, *_ = image
        node = self.new(mode, name)
        if kind == "file":
            node.live, node.disk = bytearray(content), bytearray(content)
        else:
            node.entries = {k: self.load(v, k.decode()) for k, v in content.items()}
            node.disk_entries = dict(node.entries)
        return node

    def node(self, number):
        if self.cut.is_set():
            raise pyfuse3.FUSEError(errno.EIO)
        return self.nodes[number]

    def child(self, directory, name):
        found = self.node(directory).entries.get(name)
        if not found:
            raise pyfuse3.FUSEError(errno.ENOENT)
        return found

    async def misfortune(self, op, node):
        """Waits, and fails, as the first fault that matches says."""
        for fault in self.faults:
            if fault["op"] == op and node.name.endswith(fault.get("name", "")) and fault.get("times", 1) > 0:
                break
        else:
            return
        if "times" in fault:
            fault["times"] -= 1
        if "seconds" in fault:
            with trio.move_on_after(fault["seconds"]):
                await self.cut.wait()
        if "errno" in fault:
            raise pyfuse3.FUSEError(getattr(errno, fault["errno"]))

    # ---- names ----

    def attributes(self, node):
        a = pyfuse3.EntryAttributes()
        a.st_ino, a.st_mode, a.st_nlink, a.st_size = node.number, node.mode, node.links, len(node.live)
        a.st_blksize, a.st_blocks = BLOCK, (len(node.live) + 511) // 512
        a.st_uid, a.st_gid = node.uid, node.gid
        a.st_atime_ns = a.st_mtime_ns = a.st_ctime_ns = node.time_ns
        a.entry_timeout = a.attr_timeout = FOREVER
        return a

    async def lookup(self, parent_inode, name, ctx):
        return self.attributes(self.child(parent_inode, name))

    async def getattr(self, inode, ctx):
        return self.attributes(self.node(inode))

    async def setattr(self, inode, attr, fields, fh, ctx):
        node = self.node(inode)
        if fields.update_size:
            await self.misfortune("write", node)
            node.truncate(attr.st_size)
        if fields.update_mode:
            node.mode = attr.st_mode
        if fields.update_uid:
            node.uid = attr.st_uid
        if fields.update_gid:
            node.gid = attr.st_gid
        return self.attributes(node)

    async def add(self, parent, name, mode):
        directory = self.node(parent)
        await self.misfortune("write", directory)
        node = self.new(mode, name.decode())
        self.node(parent).change({name: node})
        return node

    async def mkdir(self, parent_inode, name, mode, ctx):
        return self.attributes(await self.add(parent_inode, name, stat.S_IFDIR | mode & ~ctx.umask))

    async def create(self, parent_inode, name, mode, flags, ctx):
        node = await self.add(parent_inode, name, stat.S_IFREG | mode & ~ctx.umask)
        return pyfuse3.FileInfo(fh=node.number, keep_cache=True), self.attributes(node)

    async def remove(self, parent, name):
        node = self.child(parent, name)
        await self.misfortune("write", self.node(parent))
        node.links = 0
        self.node(parent).change({name: None})

    async def unlink(self, parent_inode, name, ctx):
        await self.remove(parent_inode, name)

    async def rmdir(self, parent_inode, name, ctx):
        if self.child(parent_inode, name).entries:
            raise pyfuse3.FUSEError(errno.ENOTEMPTY)
        await self.remove(parent_inode, name)

    async def rename(self, parent_inode_old, name_old, parent_inode_new, name_new, flags, ctx):
        if flags or parent_inode_old != parent_inode_new:
            raise pyfuse3.FUSEError(errno.EXDEV)
        node = self.child(parent_inode_old, name_old)
        await self.misfortune("write", self.node(parent_inode_old))
        node.name = name_new.decode()
        self.node(parent_inode_old).change({name_old: None, name_new: node})

    async def opendir(self, inode, ctx):
        return self.node(inode).number

    async def readdir(self, fh, start_id, token):
        for i, (name, node) in enumerate(list(self.node(fh).entries.items())[start_id:], start_id + 1):
            if not pyfuse3.readdir_reply(token, name, self.attributes(node), i):
                break

    async def statfs(self, ctx):
        s = pyfuse3.StatvfsData()
        s.f_bsize = s.f_frsize = BLOCK
        s.f_blocks = s.f_bfree = s.f_bavail = (1 << 40) // BLOCK
        s.f_files = s.f_ffree = s.f_favail = 1 << 20
        s.f_namemax = 255
        return s

    # ---- content ----

    async def open(self, inode, flags, ctx):
        return pyfuse3.FileInfo(fh=self.node(inode).number, keep_cache=True)

    async def read(self, fh, off, size):
        return bytes(self.node(fh).live[off:off + size])

    async def write(self, fh, off, buf):
        node = self.node(fh)
        await self.misfortune("write", node)
        self.node(fh).write(off, buf)
        return len(buf)

    async def fsync(self, fh, datasync):
        node = self.node(fh)
        what = node.begin_sync()
        try:
            await self.misfortune("fsync", node)
            self.node(fh)
        except pyfuse3.FUSEError:
            node.end_sync(what, lost=True)
            raise
        node.end_sync(what)

    async def fsyncdir(self, fh, datasync):
        await self.fsync(fh, datasync)

    # ---- commands ----

    def obey(self, command):
        if "cut" in command and not self.cut.is_set():
            # nothing that is under way may still change it
            found = self.root.survivor(random.Random(command["cut"]))
            self.cut.set()
            with open(command["image"], "wb") as f:
                pickle.dump(found, f)
        self.faults = command.get("faults", self.faults)
        return {"ok": True}


async def end_by_signal(nursery):
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            nursery.cancel_scope.cancel()


async def serve(fs):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(end_by_signal, nursery)
        nursery.start_soon(pyfuse3.main)
        print(json.dumps({"ready": True}), flush=True)
        commands = trio.lowlevel.FdStream(os.dup(0))
        rest = b""
        while data := await commands.receive_some():
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                print(json.dumps(fs.obey(json.loads(line))), flush=True)
        fs.cut.set()  # nobody is left waiting
        nursery.cancel_scope.cancel()


def main():
    image = None
    if len(sys.argv) > 2:
        with open(sys.argv[2], "rb") as f:
            image = pickle.load(f)
    fs = PowerFs(image)
    pyfuse3.init(fs, sys.argv[1], {"default_permissions", "fsname=pigtail-power"})
    try:
        trio.run(serve, fs)
    finally:
        pyfuse3.close(unmount=True)


if __name__ == "__main__":
    main()

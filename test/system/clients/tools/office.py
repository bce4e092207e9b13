"""Opens, edits, saves and closes a text document at a URL, in an office program that listens on a pipe.

Lines on standard input are orders, each is answered by one line: create URL, open URL, write TEXT, save, read,
read-only, close, quit. An order that fails is answered by "failed: ...".
"""
import sys
import time

import uno
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException


def connect(pipe):
    context = uno.getComponentContext()
    name = "com.sun.star.bridge.UnoUrlResolver"
    resolver = context.ServiceManager.createInstanceWithContext(name, context)
    for _ in range(1200):
        try:
            remote = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
            return remote.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", remote)
        except NoConnectException:
            time.sleep(0.1)
    raise SystemExit("the office program does not answer")


def hidden():
    wanted = PropertyValue()
    wanted.Name, wanted.Value = "Hidden", True
    return (wanted,)


class Session:
    def __init__(self, desktop):
        self.desktop = desktop
        self.document = None

    def load(self, url):
        self.document = self.desktop.loadComponentFromURL(url, "_blank", 0, hidden())
        return "done" if self.document else "failed: nothing was opened"

    def create(self, url):
        self.load("private:factory/swriter")
        self.document.storeAsURL(url, ())
        return "done"

    def obey(self, order, operand):
        if order == "create":
            return self.create(operand)
        if order == "open":
            return self.load(operand)
        if order == "write":
            self.document.Text.setString(operand)
        elif order == "save":
            self.document.store()
        elif order == "read":
            return self.document.Text.getString()
        elif order == "read-only":
            return str(self.document.isReadonly())
        elif order == "close":
            self.document.close(True)
        elif order == "quit":
            self.desktop.terminate()
        return "done"


session = Session(connect(sys.argv[1]))
for line in sys.stdin:
    order, _, operand = line.rstrip("\n").partition(" ")
    try:
        print(session.obey(order, operand), flush=True)
    except Exception as error:  # whatever UNO throws is the test's to judge
        print(f"failed: {error}".replace("\n", " "), flush=True)
    if order == "quit":
        break

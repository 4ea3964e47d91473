from pathlib import Path
import pytest, numpy as np
from tests import clips
from tests.test_controls import *
from cosmosctl.media import control, frames
@pytest.mark.parametrize("i",range(30))
def test_x(i,tmp_path):
    source = clips.color(tmp_path / "color.mp4", width=160, height=120, frames=20)
    a=[]
    for n in range(2):
        st=[]
        for f in frames.decoded(source):
            x=frames.rgb(f).copy()
            st.append(x)
        a.append(st)
    d=[int((x!=y).sum()) for x,y in zip(*a)]
    assert d==[0]*20,'rgb'
    def stages(x):
        sm=cv2.resize(x,(80,60),interpolation=cv2.INTER_AREA)
        b=cv2.bilateralFilter(sm,30,150,100)
        l=cv2.resize(b,(160,120),interpolation=cv2.INTER_LINEAR)
        c=bicubic.resized(l,16,12)
        dd=bicubic.resized(c,160,120)
        e=frames.i420(dd)
        return [sm,b,l,c,dd,e]
    o=[list(frames.mapped(stages,a[0])) for _ in range(2)]
    for k in range(6):
        d=[int((x[k]!=y[k]).sum()) for x,y in zip(*o)]
        assert d==[0]*20,('stage',k)
    for name in ("one.mp4", "two.mp4"):
        write_control('vis', "medium", source, tmp_path / name)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()

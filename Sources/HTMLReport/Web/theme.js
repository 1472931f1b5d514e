(()=>{const root=document.documentElement,button=document.getElementById('theme');
const dark=()=>root.dataset.theme?root.dataset.theme==='dark':matchMedia('(prefers-color-scheme:dark)').matches;
const label=()=>{button.textContent=dark()?'Light theme':'Dark theme'};
button.hidden=false;label();
button.addEventListener('click',()=>{root.dataset.theme=dark()?'light':'dark';label()});
matchMedia('(prefers-color-scheme:dark)').addEventListener('change',label);
addEventListener('beforeprint',()=>{for(const part of document.querySelectorAll('details'))part.open=true});})();

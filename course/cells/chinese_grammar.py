# %% [markdown]
# A small grammar of Chinese.

# %% name="chinese_grammar"
# A small grammar of Chinese, written for this course.
# Frames: a gap {word} is filled by one of the words below, {n} and its like by a number.
FRAMES = """
{day}{time}，{person}和{friend}{travel}去了{place}。
{person}打算{future}去{city}看{friend}，来回的车票要{price}元。
{place}离{person}家不远，{travel}只要{n}分钟。
天气预报说，{soon}{city}{weather}，气温在{low}到{high}度之间。
{person}在{shop}买了{thing}，一共花了{price}元。
{person}最喜欢吃{friend}做的{food}，每次都要吃{bowl}。
{person}每天{time}都要喝一杯{drink}，再看{n}分钟书。
{person}觉得{hard_subject}比{easy_subject}难，因为要记的东西太多。
这次{hard_subject}考试，全班{many}个人当中有{few}个人得了满分。
如果{soon}{wish}，我们就去{trip}走走。
虽然{although}，但是{person}还是{done}。
{person}一边{doing}，一边{hearing}。
把{luggage}放在{where}以后，别忘了{remember}。
从{town}到{village}有{many}公里，山路不好走，开车也要一个多小时。
{year}年{month}月{date}日，{event}。
这本{book}一共有{price}页，{person}看了{n}天才看完。
{pet}跑到{hidden}，{then}。
春天来了，{outside}的{flower}都开了，{joy}。
{worker}每天工作{hours}个小时，{evening}。
请{quiet}，{because}。
{machine}坏了，维修师傅说{repair}。
研究人员比较了{many}个城市的{data}，发现{finding}。
程序运行了{n}分钟，结果{result}。
{person}问：“{question}？”{friend}回答说：“{answer}。”
{person}学{skill}已经{few}年了，现在{level}。
因为{cause}，{effect}。
{person}家有{few}口人，住在{floor}楼，窗外就是{view}。
"""

# Words for the gaps: the gap, then its words.
WORDS = """
person 我 他 她 我哥哥 我妹妹 老师 邻居 同事 表姐 王先生 李医生 小张 爷爷 班长
friend 朋友 父母 孩子 室友 老同学 弟弟 奶奶 姑姑
day 今天 昨天 前天 星期一 星期三 星期五 上星期六 上星期天
time 早上 上午 中午 下午 傍晚 晚上
future 下个月 明年 暑假 寒假 秋天 春节 下星期
soon 明天 后天 星期六 星期天 周末
travel 坐地铁 骑自行车 坐公交车 打车 走路 开车
place 图书馆 公园 超市 博物馆 车站 医院 市场 学校 银行 体育馆
trip 公园 海边 湖边 动物园 古城墙 植物园 老街
city 北京 上海 广州 西安 成都 杭州 南京 武汉 昆明 青岛 重庆 长沙
weather 有小雨 多云 是晴天 有大风 有雷雨 是阴天
shop 超市 商场 市场 网上 车站旁边的小店 学校门口的商店
thing 一本书 两斤苹果 一把雨伞 三张电影票 一双鞋 一件大衣 一盏台灯 半斤茶叶 一个书包
food 饺子 面条 红烧肉 炒饭 豆腐 土豆丝 鱼 包子
bowl 一大份 两份 满满一盘 很多
drink 茶 咖啡 牛奶 豆浆 果汁 热水
hard_subject 历史 化学 生物 物理 地理 数学
easy_subject 音乐 体育 美术 书法
wish 天气好 不下雨 有时间 大家都有空
although 天已经黑了 外面下着雨 时间很紧 身体不太舒服 昨晚没有睡好 天气很冷
done 按时到了车站 走完了全程 把工作做完了 去看了那场演出 跑了五公里 给家里打了电话
doing 走路 做饭 喝茶 打扫房间 等车 洗碗
hearing 听音乐 听广播 和朋友聊天 想心事 背单词
luggage 钥匙 雨伞 行李 书包 箱子 水果
where 桌子上 门后面 柜子里 椅子旁边
remember 关灯 锁门 关窗户 洗手 给我打电话
town 青石镇 柳树湾 大河镇 梅花镇
village 石桥村 东山村 南湖村 白马村
event 这座桥正式通车 图书馆的新楼开放 第一班地铁开始运行 学校举行了运动会 他们搬进了新家
book 小说 历史书 游记 诗集 传记
pet 小猫 小狗 邻居家的猫 那只小黑狗
hidden 沙发底下 院子里 楼梯上 桌子下面
then 谁叫它都不肯回来 一会儿就睡着了 东看看西看看 找到了丢失的球
outside 公园里 湖边 山坡上 校园里 马路两旁
flower 桃花 樱花 杏花 梨花 迎春花
joy 很多人来拍照 到处都能闻到花香 孩子们高兴极了
worker 护士 司机 厨师 工程师 记者 警察
evening 晚上还要学习英语 回到家已经很累了 周末才有时间陪孩子 但是很喜欢自己的工作
quiet 大家安静一点 把手机关掉 小声说话 轻轻关门
because 电影马上就要开始了 孩子们正在睡觉 会议还没有结束 里面的人正在考试
machine 洗衣机 空调 冰箱 电视 热水器
repair 要换一个零件 后天才能修好 修理费要{price}元 买一台新的更便宜
data 空气质量 用水量 交通状况 房价
finding 差别比想象的大 最近十年变化很大 南方和北方很不一样 没有哪两个是相同的
result 和上次完全一样 出现了一个错误 比预想的好得多 保存在一个文件里
question 你什么时候回来 这道题怎么做 车站怎么走
answer 我也不清楚 你等一下 我马上告诉你 这个问题我已经回答过了
skill 书法 钢琴 太极拳 游泳 画画 法语
level 每天还在练习 进步很大 也开始教别人了
cause 大雾 修路 停电 下大雪 机器出了故障
effect 火车晚点了{n}分钟 学校今天不上课 很多人只好在家里工作 会议推迟到了后天
view 一条小河 学校的操场 一片树林 热闹的大街
"""
